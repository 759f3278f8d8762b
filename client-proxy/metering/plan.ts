import { matchesPattern } from '../network/name-pattern.ts';
import { COUNT_ONLY, type MeteredSettings } from './metered-settings.ts';

/** An uplink, and the plan that it belongs to, as far as it is metered. */
export interface PlannedUplink {
  readonly name: string;
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

/** What an uplink and a plan have in common is counted for the plan. Bounded as the file is. */
export interface FormerUsage {
  readonly plan: string;
  /** The uplinks of the plan that there are now. */
  readonly uplinkNames: readonly string[];
  /** Under which usage is kept. */
  readonly keptNames: Iterable<string>;
  /** Plans, and uplinks that are plans of their own, by the configuration: theirs stays theirs. */
  readonly isPlan: (name: string) => boolean;
}

/**
 * Names under which usage is kept that the plan takes over: of its uplinks, and, where its name is a pattern, of interfaces that it
 * matches, from a time in which each interface was counted by itself.
 */
export function formerNames({ plan, uplinkNames, keptNames, isPlan }: FormerUsage): string[] {
  const isPattern = /[*?]/.test(plan);
  return [...keptNames].filter(
    (name) =>
      name !== plan &&
      !isPlan(name) &&
      (uplinkNames.includes(name) || (isPattern && matchesPattern(name, plan))),
  );
}
