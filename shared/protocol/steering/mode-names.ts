import type { ModeParameters } from '../scheduler/policy-parameters.ts';
import { rowOf, STEERING_MODE_NAMES, STEERING_MODES, type SteeringMode } from './modes.ts';

/** All other names of modes, each once. */
export const STEERING_ALIASES: readonly string[] = [
  ...new Set(STEERING_MODE_NAMES.flatMap((mode) => rowOf(mode).aliases.map(({ name }) => name))),
];

/** Every name that a configuration may give a mode. */
export function isModeName(name: string): boolean {
  return isMode(name) || STEERING_ALIASES.includes(name);
}

/**
 * The mode that a name means beside these parameters: an alias that two modes have means the one whose parameter is given.
 * Undefined for a name that no mode has.
 */
export function modeNamed(name: string, given: ModeParameters): SteeringMode | undefined {
  if (isMode(name)) return name;
  let found: SteeringMode | undefined;
  for (const mode of STEERING_MODE_NAMES) {
    const alias = rowOf(mode).aliases.find((one) => one.name === name);
    if (alias === undefined) continue;
    if (alias.onlyWith === undefined) found ??= mode;
    else if (given[alias.onlyWith] !== undefined) return mode;
  }
  return found;
}

function isMode(name: string): name is SteeringMode {
  return Object.hasOwn(STEERING_MODES, name);
}
