import { freeOn } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import { SteadyChoice } from '../../scheduler/steady-choice.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

export interface LowestLatencyTuning {
  /** An uplink with a longer round trip is left, if the policy gives no other limit: a map that is dragged feels late beyond. */
  readonly defaultMaxRttMs: number;
  /** Another uplink within the limits must be below this share of the delay, less this much, for so long: receipts measure no better. */
  readonly rivalDelayShare: number;
  readonly rivalSlackMs: number;
  readonly rivalMs: number;
}

export const LOWEST_LATENCY_TUNING: LowestLatencyTuning = {
  defaultMaxRttMs: 250,
  rivalDelayShare: 0.8,
  rivalSlackMs: 5,
  rivalMs: 2_000,
};

/**
 * `lowest-latency`: the uplink with the lowest delay as it is now, or, with an order, the first one that is within the limits
 * (Apple's interactive service). It is left at once when it passes the limits of the policy, or works no more; for a better
 * one of the same rank only if that has been clearly better for a while.
 */
export class LowestLatency implements PacketScheduler {
  readonly #limits: UplinkLimits;
  readonly #maxRttMs: number;
  readonly #order: UplinkOrder;
  readonly #choice: SteadyChoice;
  #current: UplinkView | undefined;

  constructor({ policy, now, limits }: ModeContext, tuning: LowestLatencyTuning) {
    const { defaultMaxRttMs, rivalDelayShare: rivalShare, rivalSlackMs: rivalSlack, rivalMs } = tuning;
    // What other streams have queued there delays this one, too.
    this.#limits = limits({ defaultMaxRttMs, delayOf: ({ delayMs }) => delayMs });
    this.#maxRttMs = policy.maxRttMs ?? defaultMaxRttMs;
    this.#order = new UplinkOrder(policy.order);
    this.#choice = new SteadyChoice(now, { rivalShare, rivalSlack, rivalMs });
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    this.#current = this.#choose(candidates);
    return freeOn(this.#current, candidates, request);
  }

  /** What is late on an uplink that was left is copied to the one in use. */
  mayCopy(target: SubflowView): boolean {
    return target.uplink === this.#current;
  }

  #choose(candidates: readonly SubflowView[]): UplinkView {
    const beyond = this.#limits.beyond(candidates);
    const within = beyond.size === 0 ? candidates : candidates.filter(({ uplink }) => !beyond.has(uplink));
    return within.length > 0
      ? this.#choice.choose(this.#order.first(within), pathDelayMs)
      : this.#choice.choose(candidates, (view) => this.#limits.excessOf(view) * this.#maxRttMs);
  }
}
