import type { PolicyParameters } from '../scheduler/policy-parameters.ts';
import type { SteeringMode } from './modes.ts';

/** How the segments of one stream are spread over the uplinks, in both directions. */
export interface SteeringPolicy extends PolicyParameters {
  readonly mode: SteeringMode;
}
