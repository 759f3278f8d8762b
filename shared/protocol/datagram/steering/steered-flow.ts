import type { SteeringPolicy } from '../../steering/steering-policy.ts';

/** One flow as steering knows it; made by `FlowSteering.begin`. */
export class SteeredFlow {
  policy: SteeringPolicy;

  constructor(policy: SteeringPolicy) {
    this.policy = policy;
  }
}
