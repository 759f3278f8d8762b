import type { SteeringMode } from './modes.ts';
import type { PolicyParameters } from './policy-parameters.ts';

/** How the segments of one stream are spread over the uplinks, in both directions. */
export interface SteeringPolicy extends PolicyParameters {
  readonly mode: SteeringMode;
}
