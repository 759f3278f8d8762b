import { earliest } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

export interface PriorityTuning {
  /** The next uplink is taken for a stream of which something has waited for this long without a break, */
  readonly overflowWaitMs: number;
  /** and where the first's rate still grows, for this long: it is about to carry more. */
  readonly overflowGrowingMs: number;
}

export const PRIORITY_TUNING: PriorityTuning = { overflowWaitMs: 200, overflowGrowingMs: 500 };

/**
 * `priority`: fills the first uplink in the order, and overflows into the next only when it is full, for a stream that
 * has waited for a while. Where a segment overflows to is then `aggregate`'s choice among the uplinks reached so far. One that
 * is beyond the limits stands behind all that are within: it counts as congested (TS 23.501 section 5.32.8).
 */
export class Priority implements PacketScheduler {
  readonly #tuning: PriorityTuning;
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  readonly #aggregate: PacketScheduler;
  /** Uplinks that stand behind the others, whatever the order says. */
  #behind: ReadonlySet<UplinkView> = new Set();
  /** The last rank that takes part now. */
  #reachedRank = 0;

  constructor({ policy, aggregate, limits }: ModeContext, tuning: PriorityTuning) {
    this.#tuning = tuning;
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
    this.#aggregate = aggregate;
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const reached: View[] = [];
    this.#behind = this.#limits.left(candidates);
    let rest = candidates;
    while (rest.length > 0) {
      const rank = Math.min(...rest.map(({ uplink }) => this.#rankOf(uplink)));
      const group = rest.filter(({ uplink }) => this.#rankOf(uplink) === rank);
      rest = rest.filter(({ uplink }) => this.#rankOf(uplink) !== rank);
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
    return this.#rankOf(target.uplink) <= this.#reachedRank;
  }

  #rankOf(uplink: UplinkView): number {
    return this.#order.rankOf(uplink) + (this.#behind.has(uplink) ? this.#order.length + 1 : 0);
  }

  /** None of them takes anything now, and that is not for a moment. */
  #isFull(busy: readonly SubflowView[], { waitingMs }: SegmentRequest): boolean {
    const { overflowWaitMs, overflowGrowingMs } = this.#tuning;
    if (waitingMs < overflowWaitMs) return false;
    return waitingMs >= overflowGrowingMs || busy.every((view) => !view.isRateGrowing);
  }
}
