import { least } from '../../../scheduler/delivery-time.ts';
import { pathDelayMs } from '../../../scheduler/path-delay.ts';
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

  constructor({ policy, limits }: FlowModeContext) {
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: ({ delayMs }) => delayMs });
  }

  select({ bytes, isSmall }: FlowRequest, views: readonly FlowView[]): Selection {
    const beyond = this.#limits.beyond(views);
    const within = this.#limits.isSet ? views.filter(({ uplink }) => !beyond.has(uplink)) : [];
    const sole = least(this.#order.first(within), pathDelayMs);
    const wanted = sole === undefined ? views : [sole];
    const open = wanted.filter((view) => view.hasRoom(bytes) || (isSmall && view.takes(bytes, isSmall)));
    return { views: open, spread: false };
  }
}
