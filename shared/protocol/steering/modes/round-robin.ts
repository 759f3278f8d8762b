import { least } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, Segment, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

/** What a subflow that was busy makes up for, bytes: enough for segments of any length, and no burst for one that is slow. */
const MOST_BEHIND_BYTES = 64 * 1024;

/**
 * `round-robin`: the free subflows in turn, whatever their speed; those of uplinks within the limits, in their order. For study
 * and tests. A turn counts by its bytes, as in deficit round robin (Shreedhar and Varghese, 1995): an application that writes 16 kB
 * and 4 kB alternately would else fill one subflow.
 */
export class RoundRobin implements PacketScheduler {
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  #left: ReadonlySet<UplinkView> = new Set();
  /** Bytes given to each subflow, by its id, without what lies so far back that nobody makes up for it. */
  readonly #given = new Map<number, number>();
  #most = 0;

  constructor({ policy, limits }: ModeContext) {
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
  }

  select<View extends SubflowView>(_request: SegmentRequest, candidates: readonly View[]): View | undefined {
    if (this.#given.size > 2 * candidates.length) this.#forgetAllBut(candidates);
    this.#left = this.#limits.left(candidates);
    const free = candidates
      .filter(({ uplink, canTake }) => canTake && !this.#left.has(uplink))
      .sort((a, b) => this.#order.rankOf(a.uplink) - this.#order.rankOf(b.uplink) || a.id - b.id);
    return least(free, (view) => this.#givenTo(view.id));
  }

  onSent({ id }: SubflowView, { length }: Segment): void {
    const given = this.#givenTo(id) + length;
    this.#given.set(id, given);
    this.#most = Math.max(this.#most, given);
  }

  mayCopy({ uplink }: SubflowView): boolean {
    return !this.#left.has(uplink);
  }

  #givenTo(id: number): number {
    return Math.max(this.#given.get(id) ?? 0, this.#most - MOST_BEHIND_BYTES);
  }

  #forgetAllBut(candidates: readonly SubflowView[]): void {
    const ids = new Set(candidates.map(({ id }) => id));
    for (const id of this.#given.keys()) if (!ids.has(id)) this.#given.delete(id);
  }
}
