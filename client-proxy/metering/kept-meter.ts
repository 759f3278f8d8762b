import { Meter } from './meter.ts';
import { type ConfiguredPlans, formerNames, type Plan } from './plan.ts';
import type { StoredUsage } from './usage-file.ts';

/** A plan, and what tells under which names its usage is kept. */
export interface KeptPlan {
  readonly plan: Plan;
  /** Of the plan, as far as they are known. */
  readonly uplinkNames: readonly string[];
  /** All that the configuration counts for. */
  readonly plans: ConfiguredPlans;
}

/**
 * A meter with all that is kept of a plan, under its own name and under former ones, as a client that starts now would have it. For
 * commands that look: only the client takes over for good what is kept under former names.
 */
export function keptMeter(
  { plan: { name, settings }, uplinkNames, plans }: KeptPlan,
  kept: StoredUsage,
  nowMs: number,
): Meter {
  const meter = new Meter(name, settings, kept.get(name), nowMs);
  const former = formerNames({ plan: name, uplinkNames, keptNames: kept.keys(), plans });
  for (const one of former) meter.absorb(kept.get(one)!, nowMs);
  return meter;
}
