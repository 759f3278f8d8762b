import { type SubflowView, shareBottleneck } from '../subflow/subflow-view.ts';
import { deliveryTimeMs } from './delivery-time.ts';

export interface AheadTuning {
  /** A segment that arrives later than on the best subflow by less than this is sent in its turn, */
  readonly leastLagMs: number;
  /** and so is one whose round trip is less than this multiple: subflows of one kind differ for a moment, and differently in the next. */
  readonly leastRatio: number;
  /** So many times what arrives meanwhile is left out: early costs memory at the far end, late holds everything up. */
  readonly margin: number;
}

export const AHEAD_TUNING: AheadTuning = { leastLagMs: 30, leastRatio: 2, margin: 1.25 };

/**
 * How much of a long stream the other subflows bring before a segment that is sent on this one now arrives, in bytes. It is sent from
 * so far ahead: then it arrives in time, and nothing waits for it (STMS, USENIX ATC 2018).
 */
export function aheadBytes(target: SubflowView, views: readonly SubflowView[], tuning: AheadTuning): number {
  if (views.length === 1) return 0;
  const targetMs = arrivalMs(target);
  let bytes = 0;
  let lagMs = 0;
  let shortestRttMs = target.minRttMs;
  for (const view of views) {
    const earlierMs = targetMs - arrivalMs(view);
    if (earlierMs <= 0 || shareBottleneck(view, target)) continue;
    lagMs = Math.max(lagMs, earlierMs);
    shortestRttMs = Math.min(shortestRttMs, view.minRttMs);
    bytes += (view.rateBytesPerSecond * earlierMs) / 1000;
  }
  const { leastLagMs, leastRatio, margin } = tuning;
  const isInTurn = lagMs < leastLagMs || target.minRttMs < leastRatio * shortestRttMs;
  return isInTurn ? 0 : bytes * margin;
}

/** At least the most that `aheadBytes` says for any of them. */
export function mostAheadBytes(views: readonly SubflowView[], { leastRatio, margin }: AheadTuning): number {
  const shortestRttMs = Math.min(...views.map(({ minRttMs }) => minRttMs));
  const late = views.filter(({ minRttMs }) => minRttMs >= leastRatio * shortestRttMs);
  if (late.length === 0) return 0;
  const lagMs = Math.max(...late.map(arrivalMs)) - Math.min(...views.map(arrivalMs));
  const bytesPerSecond = views.reduce((sum, { rateBytesPerSecond }) => sum + rateBytesPerSecond, 0);
  return (margin * lagMs * bytesPerSecond) / 1000;
}

/** While its rate is a guess, nothing of what is under way on it counts as delivered: it may be very slow. */
function arrivalMs(view: SubflowView): number {
  const { segmentBytes, inFlightBytes, rateBytesPerSecond, minRttMs } = view;
  const knownMs = deliveryTimeMs(view, segmentBytes);
  if (view.isRateProven) return knownMs;
  return Math.max(knownMs, minRttMs / 2 + ((inFlightBytes + segmentBytes) * 1000) / rateBytesPerSecond);
}
