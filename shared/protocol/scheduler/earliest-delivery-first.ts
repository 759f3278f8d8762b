import {
  DEGRADED_RTT,
  DEGRADED_SHARE,
  LAMBDA_STEP_DOWN,
  LAMBDA_STEP_UP,
  MAX_LAMBDA,
  MIN_LAMBDA,
} from '../tunables.ts';
import {
  deliveryTimeMs,
  least,
  type PacketScheduler,
  type SegmentRequest,
  type SubflowView,
  shareBottleneck,
} from './scheduler.ts';

/**
 * `aggregate`: each segment goes where it would arrive first.
 *
 * Urgent segments wait for the best subflow when it is busy (ECF, CoNEXT 2017). Bulk also takes slower ones, as long as
 * the segment would not be the one that closes the window for the fast ones (BLEST, IFIP Networking 2016), and, where
 * the stream's end is known, as long as the rest would not arrive earlier by waiting. One that has just become much slower gets
 * nothing, unless it adds much: the little that it carries is not worth the stop until its first segment arrives.
 */
export class EarliestDeliveryFirst implements PacketScheduler {
  #lambda = MIN_LAMBDA;

  select<View extends SubflowView>(
    request: SegmentRequest,
    all: readonly View[],
    nowMs: number,
  ): View | undefined {
    const candidates = worthConsidering(all, request, nowMs);
    const best = least(candidates, (view) => segmentTimeMs(view, request))!;
    const probed = request.mayProbe ? this.#unproven(request, candidates, best, nowMs) : undefined;
    if (probed !== undefined) return probed;
    if (best.canTake) return best;
    if (request.urgency === 'urgent') return undefined;
    const fastest = least(candidates, (view) => -view.rateBytesPerSecond)!;
    const free = candidates.filter((view) => view.canTake);
    const next = least(free, (view) => segmentTimeMs(view, request));
    if (next === undefined) return undefined;
    if (shareBottleneck(next, fastest)) return next;
    return this.#passesGate(request, next, best, fastest, candidates) ? next : undefined;
  }

  onRound(wasBlocked: boolean): void {
    this.#lambda = wasBlocked
      ? Math.min(MAX_LAMBDA, this.#lambda + LAMBDA_STEP_UP)
      : Math.max(MIN_LAMBDA, this.#lambda - LAMBDA_STEP_DOWN);
  }

  /**
   * A free subflow whose rate still grows: a long stream finds out what it can, or one that is enough by itself would
   * keep the others idle for ever.
   */
  #unproven<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    best: View,
    _nowMs: number,
  ): View | undefined {
    const growing = candidates.filter((view) => view.isRateGrowing && view.canTake);
    const next = least(growing, (view) => segmentTimeMs(view, request));
    const fastest = least(candidates, (view) => -view.rateBytesPerSecond)!;
    if (next === undefined || next === best) return next;
    return this.#passesGate(request, next, best, fastest, candidates) ? next : undefined;
  }

  #passesGate(
    request: SegmentRequest,
    slow: SubflowView,
    best: SubflowView,
    fastest: SubflowView,
    candidates: readonly SubflowView[],
  ): boolean {
    const { windowLeftBytes, remainingBytes } = request;
    const lengthBytes = Math.min(request.lengthBytes, slow.segmentBytes);
    const slowMs = deliveryTimeMs(slow, lengthBytes);
    if (remainingBytes !== undefined && deliveryTimeMs(best, remainingBytes) <= slowMs) return false;
    // What the fastest subflow, and those beside it on its path, send until the slow segment arrives must still fit in
    // the window.
    const fastBytes = (pathRate(candidates, fastest) * slowMs) / 1000;
    return fastBytes * this.#lambda <= windowLeftBytes - (slow.inFlightBytes + lengthBytes);
  }
}

/**
 * Without those that have just become much slower, unless the others are twice as slow (a hiccup of the others, as BBR's while
 * it measures the round trip, is over sooner than a segment on such a one), or they are known to add much to the others.
 */
function worthConsidering<View extends SubflowView>(
  views: readonly View[],
  request: SegmentRequest,
  _nowMs: number,
): readonly View[] {
  if (!views.some((view) => view.isDegraded)) return views;
  const sound = views.filter((view) => !view.isDegraded);
  const best = least(sound, (view) => segmentTimeMs(view, request));
  if (best === undefined) return views;
  const limitMs = segmentTimeMs(best, request) / DEGRADED_RTT;
  const leastRate = DEGRADED_SHARE * sound.reduce((sum, view) => sum + view.rateBytesPerSecond, 0);
  return views.filter(
    (view) =>
      !view.isDegraded ||
      segmentTimeMs(view, request) < limitMs ||
      (view.isRateProven && view.rateBytesPerSecond > leastRate),
  );
}

/** Bytes per second of all subflows on the path of this one. */
function pathRate(views: readonly SubflowView[], one: SubflowView): number {
  let rate = 0;
  for (const view of views) if (shareBottleneck(view, one)) rate += view.rateBytesPerSecond;
  return rate;
}

/** When the segment would arrive, cut as it would be for this subflow. */
function segmentTimeMs(view: SubflowView, { lengthBytes }: SegmentRequest): number {
  return deliveryTimeMs(view, Math.min(lengthBytes, view.segmentBytes));
}
