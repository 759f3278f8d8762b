import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { ActiveStandby } from './active-standby.ts';
import { EarliestDeliveryFirst } from './earliest-delivery-first.ts';
import { LowestLatency } from './lowest-latency.ts';
import { Priority } from './priority.ts';
import { Redundant } from './redundant.ts';
import { RoundRobin } from './round-robin.ts';
import type { PacketScheduler } from './scheduler.ts';
import { Weighted } from './weighted.ts';

/** One session's packet schedulers: `aggregate` and `round-robin` for all of its streams, the others one for each stream. */
export class Schedulers {
  readonly #aggregate = new EarliestDeliveryFirst();
  readonly #roundRobin = new RoundRobin();
  readonly #redundant = new Redundant();
  readonly #followsPeer: boolean;

  /** @param followsPeer where a policy leaves the choice open, the uplink on which the peer sent last is taken */
  constructor(followsPeer: boolean) {
    this.#followsPeer = followsPeer;
  }

  /** The scheduler of a stream with this policy. */
  for(policy: SteeringPolicy): PacketScheduler {
    switch (policy.mode) {
      case 'aggregate':
        return this.#aggregate;
      case 'lowest-latency':
        return new LowestLatency(policy);
      case 'active-standby':
        return new ActiveStandby(policy, this.#followsPeer);
      case 'priority':
        return new Priority(policy, this.#aggregate);
      case 'weighted':
        return new Weighted(policy);
      case 'redundant':
        return this.#redundant;
      case 'round-robin':
        return this.#roundRobin;
    }
  }

  onRound(wasBlocked: boolean): void {
    this.#aggregate.onRound(wasBlocked);
  }
}
