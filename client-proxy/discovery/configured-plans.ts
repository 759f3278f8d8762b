import type { ClientConfig } from '../config/client-config.ts';
import type { MeteredSettings } from '../metering/metered-settings.ts';
import { planOf } from '../metering/plan.ts';
import { matchText } from '../network/interface-match.ts';

/** All plans that the configuration counts for, by name, whether or not an uplink of theirs is there. */
export function configuredPlans({
  uplinks,
  autoUplinks,
}: Pick<ClientConfig, 'uplinks' | 'autoUplinks'>): ReadonlyMap<string, MeteredSettings> {
  const entries = [
    ...uplinks,
    ...(autoUplinks?.settings ?? []).map((entry) => ({ ...entry, name: matchText(entry) })),
  ];
  return new Map(
    entries.flatMap((entry) => {
      const plan = planOf(entry);
      return plan === undefined ? [] : [[plan.name, plan.settings] as const];
    }),
  );
}

/** Whether it matters which SIM card is behind an interface. */
export function wantsSimCards({ autoUplinks }: Pick<ClientConfig, 'autoUplinks'>): boolean {
  return autoUplinks?.settings.some(({ iccid }) => iccid !== undefined) ?? false;
}
