import type { Subflow } from '../subflow/subflow.ts';

/** What a subflow has in flight when it is full. While losses are repaired its limit is wider than what the kernel takes. */
export function fullBytes({ congestion, meter }: Subflow): number {
  return Math.min(congestion.inFlightLimitBytes, meter.kernel?.cwndBytes ?? Number.POSITIVE_INFINITY);
}
