import { DENSE_SEGMENTS, MIN_DOUBT_MS, MIN_DOUBT_SPARSE_MS, RECEIPT_INTERVAL_MS } from '../tunables.ts';
import type { RttEstimator } from './rtt-estimator.ts';

/**
 * How long a subflow may be silent, with bytes under way, before it is doubted.
 *
 * @param isDense receipts have come since the subflow was last idle and many segments are under way, so the next
 *   receipt does not depend on a whole round trip with its queue
 * @returns milliseconds
 */
export function silenceLimitMs(rtt: RttEstimator, isDense: boolean): number {
  const limit = isDense
    ? Math.max(MIN_DOUBT_MS, 2 * rtt.minMs + 4 * Math.min(rtt.varianceMs, rtt.minMs / 2))
    : Math.max(MIN_DOUBT_SPARSE_MS, 2 * rtt.smoothedMs + 4 * rtt.varianceMs);
  return limit + RECEIPT_INTERVAL_MS;
}

export function isDense(segmentsUnderWay: number, receiptsSinceIdle: boolean): boolean {
  return receiptsSinceIdle && segmentsUnderWay >= DENSE_SEGMENTS;
}
