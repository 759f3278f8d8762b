import type { ModeParameters } from '../scheduler/policy-parameters.ts';
import { ActiveStandby } from './modes/active-standby.ts';
import { Aggregate, PreferringAggregate } from './modes/aggregate.ts';
import { LowestLatency } from './modes/lowest-latency.ts';
import { Priority } from './modes/priority.ts';
import { oneOfEachPath, Redundant } from './modes/redundant.ts';
import { RoundRobin } from './modes/round-robin.ts';
import { Weighted } from './modes/weighted.ts';
import type { SteeringModeRow } from './steering-mode.ts';

/**
 * All steering modes. A new one is a file in `modes/` and a row here; SPEC.md section 6 lists the wire values. Aliases are
 * those of 3GPP's ATSSS (TS 23.501 section 5.32.8) and Apple's multipath service types.
 */
export const STEERING_MODES = {
  aggregate: {
    wire: 0,
    aliases: [{ name: 'load-balancing' }],
    parameters: { order: 'optional', maxRttMs: 'optional', maxLoss: 'optional' },
    isShared: true,
    spreadsFreely: true,
    make: (context, tuning) =>
      hasPreferences(context.policy) ? new PreferringAggregate(context) : new Aggregate(tuning.aggregate),
  },
  'lowest-latency': {
    wire: 1,
    aliases: [{ name: 'smallest-delay' }, { name: 'interactive' }],
    parameters: { order: 'optional', maxRttMs: 'optional', maxLoss: 'optional' },
    make: (context, tuning) => new LowestLatency(context, tuning.lowestLatency),
  },
  'active-standby': {
    wire: 2,
    aliases: [{ name: 'handover' }],
    parameters: { order: 'optional', maxRttMs: 'optional', maxLoss: 'optional' },
    make: (context, tuning) => new ActiveStandby(context, tuning.activeStandby),
  },
  priority: {
    wire: 3,
    aliases: [{ name: 'priority-based' }],
    // Without an order it would fill whatever is free, and prefer nothing.
    parameters: { order: 'required', maxRttMs: 'optional', maxLoss: 'optional' },
    make: (context, tuning) => new Priority(context, tuning.priority),
  },
  weighted: {
    wire: 4,
    aliases: [{ name: 'load-balancing', onlyWith: 'weights' }],
    parameters: { order: 'optional', weights: 'required', maxRttMs: 'optional', maxLoss: 'optional' },
    make: (context, tuning) => new Weighted(context, tuning.weighted),
  },
  redundant: {
    wire: 5,
    aliases: [],
    parameters: { order: 'optional', maxRttMs: 'optional', maxLoss: 'optional' },
    carriers: oneOfEachPath,
    make: (context, tuning) =>
      context.previous instanceof Redundant
        ? context.previous.follow(context)
        : new Redundant(context, tuning.lowestLatency),
  },
  'round-robin': {
    wire: 6,
    aliases: [],
    parameters: { order: 'optional', maxRttMs: 'optional', maxLoss: 'optional' },
    isShared: true,
    make: (context) => new RoundRobin(context),
  },
} as const satisfies Readonly<Record<string, SteeringModeRow>>;

export type SteeringMode = keyof typeof STEERING_MODES;

/** All modes, in the order of the table. */
export const STEERING_MODE_NAMES = Object.keys(STEERING_MODES) as readonly SteeringMode[];

/** Of a stream without a policy, and of a wire value that this end does not know: an older end keeps working. */
export const DEFAULT_MODE = 'aggregate' satisfies SteeringMode;

/** The row of a mode, as every mode has it. */
export function rowOf(mode: SteeringMode): SteeringModeRow {
  return STEERING_MODES[mode];
}

/** The mode of a wire value; of an unknown one, the default. */
export function modeOfWire(value: number): SteeringMode {
  return knownMode(value) ?? DEFAULT_MODE;
}

/** The mode of a wire value, if this end knows it. */
export function knownMode(value: number): SteeringMode | undefined {
  return STEERING_MODE_NAMES.find((mode) => rowOf(mode).wire === value);
}

/** Whether a policy prefers some uplinks to others, in whatever mode: streams with another one cannot share its strategy. */
export function hasPreferences({ order, maxRttMs, maxLoss }: ModeParameters): boolean {
  return order !== undefined || maxRttMs !== undefined || maxLoss !== undefined;
}

/** The modes in which a parameter means something. */
export function modesWith(parameter: keyof ModeParameters): readonly SteeringMode[] {
  return STEERING_MODE_NAMES.filter((mode) => rowOf(mode).parameters[parameter] !== undefined);
}
