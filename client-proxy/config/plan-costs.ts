import { isDeepStrictEqual } from 'node:util';
import type { MeteredSettings } from '../metering/metered-settings.ts';
import type { ConfiguredUplinks, UplinkSettings } from './client-config.ts';

export interface PlanMistake {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Plans of which different things are said: a plan has one set of caps. */
export function planMistakes({ list, auto }: ConfiguredUplinks): PlanMistake[] {
  const mistakes: PlanMistake[] = [];
  const costs = new Map<string, MeteredSettings>();
  const check = (entries: readonly UplinkSettings[], base: (string | number)[]) => {
    for (const [index, { plan, metered }] of entries.entries()) {
      if (plan === undefined || metered === undefined) continue;
      const said = costs.get(plan);
      if (said === undefined) costs.set(plan, metered);
      else if (!isDeepStrictEqual(said, metered)) {
        const message = `something else is said of plan ${plan} elsewhere: say it once, and leave it out here`;
        mistakes.push({ path: [...base, index, 'metered'], message });
      }
    }
  };
  // In a plain list no auto stands beside it, and the list is at the top.
  check(auto?.settings ?? [], ['settings']);
  check(list, auto === undefined ? [] : ['list']);
  return mistakes;
}

/** What is said once of a plan's costs holds for all its uplinks. */
export function withPlanCosts({ list, auto }: ConfiguredUplinks): ConfiguredUplinks {
  const costs = new Map<string, MeteredSettings>();
  for (const { plan, metered } of [...list, ...(auto?.settings ?? [])]) {
    if (plan !== undefined && metered !== undefined) costs.set(plan, metered);
  }
  const completed = <Entry extends UplinkSettings>(entry: Entry): Entry => {
    const metered = entry.metered ?? costs.get(entry.plan ?? '');
    return metered === undefined ? entry : { ...entry, metered };
  };
  const all = list.map(completed);
  return auto === undefined
    ? { list: all }
    : { list: all, auto: { ...auto, settings: auto.settings.map(completed) } };
}
