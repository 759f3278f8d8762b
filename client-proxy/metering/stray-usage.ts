import { type ConfiguredPlans, formerNames } from './plan.ts';
import { totalBytes } from './usage.ts';
import type { StoredUsage } from './usage-file.ts';

/** What was carried in a month that is not over, and counts for no plan. */
export interface StrayUsage {
  /** Under which it is kept. */
  readonly name: string;
  readonly usedBytes: number;
  /** How a plan goes on with it, for people. */
  readonly remedy: string;
}

/** What a plan that has got another name may have left behind. @param uplinkNamesOf the uplinks of a plan that there are now */
export function strayUsage(
  kept: StoredUsage,
  plans: ConfiguredPlans,
  uplinkNamesOf: (plan: string) => readonly string[],
  nowMs: number,
): StrayUsage[] {
  const names = [...plans.keys()].flatMap((plan) =>
    formerNames({ plan, uplinkNames: uplinkNamesOf(plan), keptNames: kept.keys(), plans }),
  );
  const taken = new Set(names);
  return [...kept].flatMap(([name, { month }]) => {
    const isStray = !plans.has(name) && !taken.has(name) && nowMs < month.endMs && totalBytes(month) > 0;
    return isStray ? [{ name, usedBytes: totalBytes(month), remedy: remedyFor(name) }] : [];
  });
}

function remedyFor(name: string): string {
  // Of an entry that names no plan; a plan cannot be given such a name.
  const isOfEntry = /[^A-Za-z0-9_.-]/.test(name);
  return isOfEntry ? 'write that entry of uplinks.settings again' : `say "plan: ${name}" where it goes on`;
}
