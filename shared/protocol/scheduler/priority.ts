import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { OVERFLOW_GROWING_MS, OVERFLOW_WAIT_MS } from '../tunables.ts';
import type { PacketScheduler, SegmentRequest, SubflowView } from './scheduler.ts';
import { earliest, UplinkOrder } from './uplink-order.ts';

/**
 * `priority`: fills the first uplink in the order, and overflows into the next only when it is full, for a stream that
 * has waited for a while. Where a segment overflows to is then `aggregate`'s choice among the uplinks reached so far.
 */
export class Priority implements PacketScheduler {
  readonly #order: UplinkOrder;
  readonly #aggregate: PacketScheduler;
  /** The last rank that takes part now. */
  #reachedRank = 0;

  constructor({ order }: SteeringPolicy, aggregate: PacketScheduler) {
    this.#order = new UplinkOrder(order);
    this.#aggregate = aggregate;
  }

  select<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    nowMs: number,
  ): View | undefined {
    const reached: View[] = [];
    let rest = candidates;
    while (rest.length > 0) {
      const rank = this.#order.bestRank(rest);
      const group = rest.filter(({ uplinkName }) => this.#order.rankOf(uplinkName) === rank);
      rest = rest.filter(({ uplinkName }) => this.#order.rankOf(uplinkName) !== rank);
      const isFirst = reached.length === 0;
      reached.push(...group);
      this.#reachedRank = rank;
      const free = group.filter((view) => view.canTake);
      if (free.length > 0) {
        return isFirst ? earliest(free, request) : this.#aggregate.select(request, reached, nowMs);
      }
      if (!isFull(group, request)) return undefined;
    }
    return undefined;
  }

  /** Not where nothing else of the stream goes now. */
  mayCopy(target: SubflowView): boolean {
    return this.#order.rankOf(target.uplinkName) <= this.#reachedRank;
  }
}

/** None of them takes anything now, and that is not for a moment. */
function isFull(busy: readonly SubflowView[], { waitingMs }: SegmentRequest): boolean {
  if (waitingMs < OVERFLOW_WAIT_MS) return false;
  return waitingMs >= OVERFLOW_GROWING_MS || busy.every((view) => !view.isRateGrowing);
}
