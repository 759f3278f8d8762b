import type { SteeringMode } from '../codec/wire.ts';
import { EarliestDeliveryFirst } from './earliest-delivery-first.ts';
import { RoundRobin } from './round-robin.ts';
import type { PacketScheduler } from './scheduler.ts';

const POLICIES: Partial<Record<SteeringMode, () => PacketScheduler>> = {
  aggregate: () => new EarliestDeliveryFirst(),
  'round-robin': () => new RoundRobin(),
};

/** One session's packet schedulers, made when a stream first asks for their mode. */
export class Schedulers {
  readonly #made = new Map<SteeringMode, PacketScheduler>();

  /** The scheduler of a mode; of `aggregate` for a mode that this version does not have. */
  for(mode: SteeringMode): PacketScheduler {
    const known: SteeringMode = POLICIES[mode] === undefined ? 'aggregate' : mode;
    let scheduler = this.#made.get(known);
    if (scheduler === undefined) {
      scheduler = (POLICIES[known] ?? (() => new EarliestDeliveryFirst()))();
      this.#made.set(known, scheduler);
    }
    return scheduler;
  }

  onRound(wasBlocked: boolean): void {
    for (const scheduler of this.#made.values()) scheduler.onRound?.(wasBlocked);
  }
}
