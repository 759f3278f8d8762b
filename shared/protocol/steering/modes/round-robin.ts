import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

/**
 * `round-robin`: the free subflows in turn, whatever their speed; those of uplinks within the limits, in their order. For study
 * and tests.
 */
export class RoundRobin implements PacketScheduler {
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  #left: ReadonlySet<UplinkView> = new Set();
  /** Whose turn was last. */
  #last = { rank: -1, id: -1 };

  constructor({ policy, limits }: ModeContext) {
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
  }

  select<View extends SubflowView>(_request: SegmentRequest, candidates: readonly View[]): View | undefined {
    this.#left = this.#limits.left(candidates);
    const free = candidates
      .filter(({ uplink, canTake }) => canTake && !this.#left.has(uplink))
      .map((view) => ({ view, rank: this.#order.rankOf(view.uplink), id: view.id }))
      .sort(inTurn);
    const chosen = free.find((one) => inTurn(one, this.#last) > 0) ?? free[0];
    if (chosen !== undefined) this.#last = { rank: chosen.rank, id: chosen.id };
    return chosen?.view;
  }

  mayCopy({ uplink }: SubflowView): boolean {
    return !this.#left.has(uplink);
  }
}

interface Place {
  readonly rank: number;
  readonly id: number;
}

function inTurn(one: Place, other: Place): number {
  return one.rank - other.rank || one.id - other.id;
}
