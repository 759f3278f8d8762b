import type { Subflow } from '../subflow/subflow.ts';

/** What a subflow has in flight when it is full. While losses are repaired its limit is wider than what the kernel takes. */
export function fullBytes({ congestion, meter }: Subflow): number {
  return Math.min(congestion.inFlightLimitBytes, meter.kernel?.cwndBytes ?? Number.POSITIVE_INFINITY);
}

/** Whether more could have been given to it: as where the number of subflows is judged, or but for its rate limit. */
export function isFull(subflow: Subflow): boolean {
  if (subflow.state !== 'active') return false;
  if (subflow.uplink.bucket?.isOpen === false) return true;
  return subflow.inFlightBytes >= fullBytes(subflow) / 2;
}
