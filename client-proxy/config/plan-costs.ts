import { isDeepStrictEqual } from 'node:util';
import type { MeteredSettings } from '../metering/metered-settings.ts';
import { type InterfaceMatch, matchText } from '../network/interface-match.ts';
import type { ConfiguredUplinks, UplinkSettings } from './client-config.ts';

export interface PlanMistake {
  readonly path: (string | number)[];
  readonly message: string;
}

type Entry = UplinkSettings & ({ readonly name: string } | InterfaceMatch);

/** The plan whose costs an entry takes: where it names none it is a plan of its own, which others may name. */
function planNameOf(entry: Entry): string {
  return entry.plan ?? ('name' in entry ? entry.name : matchText(entry));
}

/** Plans of which different things are said: a plan has one set of caps. */
export function planMistakes({ list, auto }: ConfiguredUplinks): PlanMistake[] {
  const mistakes: PlanMistake[] = [];
  const costs = new Map<string, MeteredSettings>();
  const check = (entries: readonly Entry[], base: (string | number)[]) => {
    for (const [index, entry] of entries.entries()) {
      const { metered } = entry;
      if (metered === undefined) continue;
      const plan = planNameOf(entry);
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
  for (const entry of [...list, ...(auto?.settings ?? [])]) {
    if (entry.metered !== undefined) costs.set(planNameOf(entry), entry.metered);
  }
  const completed = <Given extends Entry>(entry: Given): Given => {
    const metered = entry.metered ?? costs.get(planNameOf(entry));
    return metered === undefined ? entry : { ...entry, metered };
  };
  const all = list.map(completed);
  return auto === undefined
    ? { list: all }
    : { list: all, auto: { ...auto, settings: auto.settings.map(completed) } };
}
