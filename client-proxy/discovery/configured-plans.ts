import type { ClientConfig } from '../config/client-config.ts';
import { type ConfiguredPlan, type ConfiguredPlans, planOf } from '../metering/plan.ts';
import { matchText } from '../network/interface-match.ts';

/** All plans that the configuration counts for, by name, whether or not an uplink of theirs is there. */
export function configuredPlans({
  uplinks,
  autoUplinks,
}: Pick<ClientConfig, 'uplinks' | 'autoUplinks'>): ConfiguredPlans {
  const entries = [
    ...uplinks,
    ...(autoUplinks?.settings ?? []).map((entry) => ({ ...entry, name: matchText(entry) })),
  ];
  const plans = new Map<string, ConfiguredPlan>();
  for (const entry of entries) {
    const plan = planOf(entry);
    if (plan === undefined) continue;
    const entryNames = [...(plans.get(plan.name)?.entryNames ?? []), entry.name];
    plans.set(plan.name, { settings: plan.settings, entryNames });
  }
  return plans;
}

/** Whether it matters which SIM card is behind an interface. */
export function wantsSimCards({ autoUplinks }: Pick<ClientConfig, 'autoUplinks'>): boolean {
  return autoUplinks?.settings.some(({ iccid }) => iccid !== undefined) ?? false;
}
