import { pathDelayMs } from '../../../scheduler/path-delay.ts';
import { SteadyChoice } from '../../../scheduler/steady-choice.ts';
import type { UplinkLimits } from '../../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../../scheduler/uplink-order.ts';
import type { FlowMode, FlowModeContext, FlowRequest, Selection } from './flow-mode.ts';
import type { FlowView } from './flow-view.ts';

/**
 * `redundant`: each datagram on all uplinks. With limits only while none is within them; otherwise the first of those that are
 * carries it alone, as with streams.
 */
export class RedundantFlow implements FlowMode {
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  readonly #choice: SteadyChoice;

  constructor({ now, policy, limits, tuning }: FlowModeContext) {
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: ({ delayMs }) => delayMs });
    this.#choice = new SteadyChoice(now, tuning.flowlets);
  }

  select({ bytes, isSmall }: FlowRequest, views: readonly FlowView[]): Selection {
    const beyond = this.#limits.beyond(views);
    const within = this.#limits.isSet ? views.filter(({ uplink }) => !beyond.has(uplink)) : [];
    const wanted = within.length === 0 ? views : this.#soleOf(within);
    const open = wanted.filter((view) => view.hasRoom(bytes) || (isSmall && view.takes(bytes, isSmall)));
    return { views: open, spread: false };
  }

  #soleOf(within: readonly FlowView[]): readonly FlowView[] {
    const sole = this.#choice.choose(this.#order.first(within), pathDelayMs);
    return within.filter(({ uplink }) => uplink === sole);
  }
}
