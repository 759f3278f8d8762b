import { isDeepStrictEqual } from 'node:util';
import type { TimeSpan, WallClocks } from './time-span.ts';

/** What a gigabyte over an uplink costs, in whatever currency: the first entry whose time it is counts; without one, nothing. */
export type CostPerGB = readonly CostAtTime[];

interface CostAtTime {
  /** Absent: at any time. */
  readonly between?: readonly TimeSpan[] | undefined;
  readonly cost: number;
}

export function costAt(costs: CostPerGB, clocks: WallClocks, ms: number): number {
  return costs.find(({ between }) => between === undefined || clocks.isIn(between, ms))?.cost ?? 0;
}

/** Entries that never count, since one above each of them holds at any time, or at the same. */
export function unreachedCosts(costs: CostPerGB): { readonly index: number; readonly by: number }[] {
  return costs.flatMap(({ between }, index) => {
    const by = costs
      .slice(0, index)
      .findIndex((above) => above.between === undefined || isDeepStrictEqual(above.between, between));
    return by < 0 ? [] : [{ index, by }];
  });
}

/** The names of uplinks, the cheapest first; of equal cost, and of those whose cost is not said, the first in the list first. */
export function cheapestFirst(
  uplinks: readonly { readonly name: string; readonly costPerGB?: number }[],
): readonly string[] {
  return [...uplinks].sort((a, b) => (a.costPerGB ?? 0) - (b.costPerGB ?? 0)).map(({ name }) => name);
}
