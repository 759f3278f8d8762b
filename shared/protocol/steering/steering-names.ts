import type { SteeringMode } from '../codec/wire.ts';

/** Other names of the modes: 3GPP's ATSSS (TS 23.501 section 5.32.8) and Apple's multipath service types. */
export const STEERING_ALIASES = [
  'smallest-delay',
  'load-balancing',
  'priority-based',
  'handover',
  'interactive',
] as const;

export type SteeringAlias = (typeof STEERING_ALIASES)[number];

/** The mode that an alias means; `load-balancing` is by share when shares are given. */
export function modeOfAlias(alias: SteeringAlias, hasWeights: boolean): SteeringMode {
  switch (alias) {
    case 'smallest-delay':
    case 'interactive':
      return 'lowest-latency';
    case 'priority-based':
      return 'priority';
    case 'handover':
      return 'active-standby';
    case 'load-balancing':
      return hasWeights ? 'weighted' : 'aggregate';
  }
}
