import type { RttEstimator } from './rtt-estimator.ts';

export interface DoubtTuning {
  /** Shortest silence that counts as doubt; radio pauses below it are everyday. */
  readonly minMs: number;
  /** The same where little is under way. */
  readonly minSparseMs: number;
  /** With this much under way its receipts come in a steady stream, and silence says something early. */
  readonly denseSegments: number;
}

export const DOUBT_TUNING: DoubtTuning = { minMs: 100, minSparseMs: 200, denseSegments: 8 };

/**
 * How long a subflow may be silent, with bytes under way, before it is doubted; what the far side may hold a receipt back
 * comes on top.
 *
 * @param isDense receipts have come since the subflow was last idle and many segments are under way, so the next
 *   receipt does not depend on a whole round trip with its queue
 * @param wasSilent it is asked since a stream that arrived has stopped: there was silence before that, too
 * @returns milliseconds
 */
export function silenceLimitMs(
  rtt: RttEstimator,
  isDense: boolean,
  wasSilent: boolean,
  tuning: DoubtTuning,
): number {
  if (isDense) return Math.max(tuning.minMs, 2 * rtt.minMs + 4 * Math.min(rtt.varianceMs, rtt.minMs / 2));
  return Math.max(wasSilent ? tuning.minMs : tuning.minSparseMs, 2 * rtt.smoothedMs + 4 * rtt.varianceMs);
}

export function isDense(segmentsUnderWay: number, receiptsSinceIdle: boolean, tuning: DoubtTuning): boolean {
  return receiptsSinceIdle && segmentsUnderWay >= tuning.denseSegments;
}
