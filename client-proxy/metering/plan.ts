import { matchesPattern } from '../network/name-pattern.ts';
import type { UplinkBinding } from '../uplink/uplink.ts';
import { COUNT_ONLY, type MeteredSettings } from './metered-settings.ts';

/** An uplink, and the plan that it belongs to, as far as it is metered. */
export interface PlannedUplink {
  readonly name: string;
  /** Absent: by its name alone it is known to be the same. */
  readonly binding?: UplinkBinding;
  /** The contract whose bytes it uses; several uplinks may have one. Absent: the uplink is a plan of its own. */
  readonly plan?: string;
  /** Absent: it is not metered; its plan, where it has one, is counted all the same. */
  readonly metered?: MeteredSettings;
}

/** What is metered of an uplink, and by which plan; undefined where nothing is. */
export function planOf({ name, plan, metered }: PlannedUplink): Plan | undefined {
  if (plan === undefined && metered === undefined) return undefined;
  return { name: plan ?? name, settings: metered ?? COUNT_ONLY };
}

export interface Plan {
  /** Under which its usage is kept. */
  readonly name: string;
  readonly settings: MeteredSettings;
}

/** A plan as the configuration has it, whether or not an uplink of it is there. */
export interface ConfiguredPlan {
  readonly settings: MeteredSettings;
  /** What each of its entries is called where it names no plan: under these names its usage is kept from such a time. */
  readonly entryNames: readonly string[];
}

/** By name. */
export type ConfiguredPlans = ReadonlyMap<string, ConfiguredPlan>;

/** Whether a plan is called as an entry for several interfaces is. */
export function isPattern(plan: string): boolean {
  return /[*?]/.test(plan);
}

/** Whether a plan is called as one of its entries is, since none was named. */
export function isUnnamed(plan: string, plans: ConfiguredPlans): boolean {
  return plans.get(plan)?.entryNames.includes(plan) ?? false;
}

export interface FormerUsage {
  readonly plan: string;
  /** What the plan's uplinks that there are now are called; and as what they were counted before, where that was no named plan. */
  readonly uplinkNames: readonly string[];
  /** Under which usage is kept. Bounded as the file is. */
  readonly keptNames: Iterable<string>;
  /** What is kept of these stays theirs. */
  readonly plans: ConfiguredPlans;
}

/**
 * Names under which usage is kept that the plan takes over: of its uplinks and its entries, from a time in which no plan was named;
 * and, where its name is a pattern, of interfaces that it matches, from a time in which each interface was counted by itself. The
 * latter once: what comes to match later was a plan.
 */
export function formerNames({ plan, uplinkNames, keptNames, plans }: FormerUsage): string[] {
  const kept = [...keptNames];
  const own = new Set([...uplinkNames, ...(plans.get(plan)?.entryNames ?? [])]);
  const isNewPattern = isPattern(plan) && !kept.includes(plan);
  return kept.filter(
    (name) =>
      name !== plan && !plans.has(name) && (own.has(name) || (isNewPattern && matchesPattern(name, plan))),
  );
}
