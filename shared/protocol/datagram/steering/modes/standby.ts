import type { Now } from '../../../now.ts';
import { least } from '../../../scheduler/delivery-time.ts';
import { pathDelayMs } from '../../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../../scheduler/uplink-order.ts';
import type { UplinkView } from '../../../subflow/subflow-view.ts';
import { type FlowMode, type FlowModeContext, type FlowRequest, onOne, type Selection } from './flow-mode.ts';
import type { FlowView } from './flow-view.ts';

export interface StandbyTuning {
  /** A flow goes back to a preferred uplink that has worked for this long again. */
  readonly returnMs: number;
}

/** `active-standby`: the preferred uplink alone; the next one when it is silent, gone or beyond the limits. */
export class StandbyFlow implements FlowMode {
  readonly #now: Now;
  readonly #tuning: StandbyTuning;
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  readonly #peersUplink: () => UplinkView | undefined;
  #current: UplinkView | undefined;
  #better: { readonly uplink: UplinkView; readonly sinceMs: number } | undefined;

  constructor({ now, policy, limits, peersUplink, tuning }: FlowModeContext) {
    this.#now = now;
    this.#tuning = tuning.flowStandby;
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
    this.#peersUplink = peersUplink;
  }

  select(request: FlowRequest, views: readonly FlowView[]): Selection {
    const within = this.#limits.within(views);
    this.#current = this.#choose(within);
    return onOne(
      within.find(({ uplink }) => uplink === this.#current),
      request,
    );
  }

  #choose(views: readonly FlowView[]): UplinkView {
    const alike = this.#order.first(views);
    const peers = alike.find(({ uplink }) => uplink === this.#peersUplink());
    const best = (peers ?? least(alike, pathDelayMs))!.uplink;
    const current = this.#current;
    if (current === undefined || !views.some(({ uplink }) => uplink === current)) return best;
    const isBetter = this.#order.rankOf(best) < this.#order.rankOf(current);
    if (best === current || (!isBetter && peers === undefined)) {
      this.#better = undefined;
      return current;
    }
    if (this.#better?.uplink !== best) this.#better = { uplink: best, sinceMs: this.#now.ms };
    return this.#now.ms - this.#better.sinceMs >= this.#tuning.returnMs ? best : current;
  }
}
