import type { PolicyParameters } from '../scheduler/policy-parameters.ts';
import type { SteeringMode } from './modes.ts';

/** How the segments of one stream are spread over the uplinks by the end that sends them. */
export interface SteeringPolicy extends PolicyParameters {
  readonly mode: SteeringMode;
}

/** How one stream is steered in both directions, as the client says. */
export interface StreamPolicy extends SteeringPolicy {
  /** For what the concentrator sends, in place of the rest; absent: as the client sends. */
  readonly down?: SteeringPolicy;
}

/** What this end goes by when it sends. */
export function sentBy({ down: _, ...up }: StreamPolicy): SteeringPolicy {
  return up;
}

/** What is said of both directions, or of each: up, then down. */
export function halvesOf(policy: StreamPolicy): readonly [up: SteeringPolicy, ...down: SteeringPolicy[]] {
  return policy.down === undefined ? [policy] : [sentBy(policy), policy.down];
}

/** What the peer is to go by when it sends. */
export function askedOfPeer(policy: StreamPolicy): SteeringPolicy {
  return policy.down ?? policy;
}
