import type { Direction } from '../measurement/transfer.ts';

/** Rates in bits per second, by the uplink's name. */
export type Rates = ReadonlyMap<string, number>;

/** Uplinks whose rates together are less than they are one by one. */
export interface SharedBottleneck {
  readonly direction: Direction;
  readonly uplinks: readonly string[];
}

/** One that keeps more of its rate beside others is not held back by them: loss and cellular links vary by so much. */
const HELD_BACK_SHARE = 0.85;
/** Of the slower one's rate, what is missing beside the other where they share. All of it would be, but rates vary. */
const MISSING_SHARE = 0.5;
/** Of four uplinks, all pairs. */
const MAX_PAIRS = 6;

/** The pairs that may share a bottleneck, as far as the rates beside all others tell; to be measured by themselves. */
export function suspectedPairs(alone: Rates, beside: Rates): readonly (readonly [string, string])[] {
  const suspects = [...alone].flatMap(([name, rate]) => {
    const now = beside.get(name);
    return now !== undefined && now < HELD_BACK_SHARE * rate ? [name] : [];
  });
  const pairs = suspects.flatMap((one, i) => suspects.slice(i + 1).map((other) => [one, other] as const));
  return pairs.slice(0, MAX_PAIRS);
}

/** Whether two that were measured together, and nothing else beside them, have less than they have alone. */
export function isShared([one, other]: readonly [string, string], alone: Rates, together: Rates): boolean {
  const [first = 0, second = 0] = [alone.get(one), alone.get(other)];
  const missing = first + second - (together.get(one) ?? 0) - (together.get(other) ?? 0);
  return missing > MISSING_SHARE * Math.min(first, second);
}

/** Pairs with an uplink in common are one bottleneck. */
export function joinedGroups(pairs: readonly (readonly [string, string])[]): readonly (readonly string[])[] {
  let groups: readonly (readonly string[])[] = [];
  for (const pair of pairs) {
    const touched = groups.filter((group) => pair.some((name) => group.includes(name)));
    const joined = [...new Set([...touched.flat(), ...pair])];
    groups = [...groups.filter((group) => !touched.includes(group)), joined];
  }
  return groups;
}
