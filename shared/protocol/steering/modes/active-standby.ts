import type { Now } from '../../now.ts';
import { earliest, freeOn, least } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

export interface ActiveStandbyTuning {
  /** A stream goes back to a preferred uplink that has worked for this long again. */
  readonly returnMs: number;
}

export const ACTIVE_STANDBY_TUNING: ActiveStandbyTuning = { returnMs: 1_000 };

/**
 * `active-standby`: the preferred uplink alone; the next one when it is doubted, gone or beyond the limits, and back when it has
 * worked again for a while (TS 23.501 section 5.32.8; "make before break": the others are joined all along).
 */
export class ActiveStandby implements PacketScheduler {
  readonly #now: Now;
  readonly #tuning: ActiveStandbyTuning;
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  readonly #followsPeer: boolean;
  #current: UplinkView | undefined;
  #better: { readonly uplink: UplinkView; readonly sinceMs: number } | undefined;

  constructor({ policy, followsPeer, now, limits }: ModeContext, tuning: ActiveStandbyTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
    this.#followsPeer = followsPeer;
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    this.#current = this.#choose(request, this.#limits.within(candidates));
    return freeOn(this.#current, candidates, request);
  }

  /** What is late stays late rather than cost something on the standby: if the uplink is dead, doubt says so soon. */
  mayCopy(target: SubflowView): boolean {
    return target.uplink === this.#current;
  }

  #choose(request: SegmentRequest, candidates: readonly SubflowView[]): UplinkView {
    const best = this.#preferred(request, candidates);
    const current = this.#current;
    if (current === undefined || !candidates.some(({ uplink }) => uplink === current)) return best;
    if (this.#order.rankOf(best) >= this.#order.rankOf(current)) {
      this.#better = undefined;
      return current;
    }
    if (this.#better?.uplink !== best) this.#better = { uplink: best, sinceMs: this.#now.ms };
    return this.#now.ms - this.#better.sinceMs >= this.#tuning.returnMs ? best : current;
  }

  #preferred(request: SegmentRequest, candidates: readonly SubflowView[]): UplinkView {
    const alike = this.#order.first(candidates);
    const chosen = this.#followsPeer
      ? least(alike, ({ lastDataMs }) => -lastDataMs)
      : earliest(alike, request);
    return chosen!.uplink;
  }
}
