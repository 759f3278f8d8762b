import type { Subflow } from '../subflow/subflow.ts';

/** The subflows of each uplink, by its name, in their order; without those that are about to go. */
export function byUplink(subflows: readonly Subflow[]): Map<string, Subflow[]> {
  const groups = new Map<string, Subflow[]>();
  for (const subflow of subflows) {
    if (subflow.isRetiring) continue;
    const group = groups.get(subflow.uplinkName);
    if (group === undefined) groups.set(subflow.uplinkName, [subflow]);
    else group.push(subflow);
  }
  return groups;
}

/** What a subflow has in flight when it is full. While losses are repaired its cap is wider than what the kernel takes. */
export function fullBytes({ inFlightCapBytes, kernel }: Subflow): number {
  return Math.min(inFlightCapBytes, kernel?.cwndBytes ?? Number.POSITIVE_INFINITY);
}
