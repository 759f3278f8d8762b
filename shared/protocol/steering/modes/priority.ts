import { earliest } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView } from '../../subflow/subflow-view.ts';

export interface PriorityTuning {
  /** The next uplink is taken for a stream of which something has waited for this long without a break, */
  readonly overflowWaitMs: number;
  /** and where the first's rate still grows, for this long: it is about to carry more. */
  readonly overflowGrowingMs: number;
}

export const PRIORITY_TUNING: PriorityTuning = { overflowWaitMs: 200, overflowGrowingMs: 500 };

/**
 * `priority`: fills the first uplink in the order, and overflows into the next only when it is full, for a stream that
 * has waited for a while. Where a segment overflows to is then `aggregate`'s choice among the uplinks reached so far.
 */
export class Priority implements PacketScheduler {
  readonly #tuning: PriorityTuning;
  readonly #order: UplinkOrder;
  readonly #aggregate: PacketScheduler;
  /** The last rank that takes part now. */
  #reachedRank = 0;

  constructor({ policy, aggregate }: ModeContext, tuning: PriorityTuning) {
    this.#tuning = tuning;
    this.#order = new UplinkOrder(policy.order);
    this.#aggregate = aggregate;
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const reached: View[] = [];
    let rest = candidates;
    while (rest.length > 0) {
      const rank = this.#order.bestRank(rest);
      const group = rest.filter(({ uplink }) => this.#order.rankOf(uplink) === rank);
      rest = rest.filter(({ uplink }) => this.#order.rankOf(uplink) !== rank);
      const isFirst = reached.length === 0;
      reached.push(...group);
      this.#reachedRank = rank;
      const free = group.filter((view) => view.canTake);
      if (free.length > 0) {
        return isFirst ? earliest(free, request) : this.#aggregate.select(request, reached);
      }
      if (!this.#isFull(group, request)) return undefined;
    }
    return undefined;
  }

  /** Not where nothing else of the stream goes now. */
  mayCopy(target: SubflowView): boolean {
    return this.#order.rankOf(target.uplink) <= this.#reachedRank;
  }

  /** None of them takes anything now, and that is not for a moment. */
  #isFull(busy: readonly SubflowView[], { waitingMs }: SegmentRequest): boolean {
    const { overflowWaitMs, overflowGrowingMs } = this.#tuning;
    if (waitingMs < overflowWaitMs) return false;
    return waitingMs >= overflowGrowingMs || busy.every((view) => !view.isRateGrowing);
  }
}
