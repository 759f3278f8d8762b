import { pathDelayMs } from '../../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../../scheduler/uplink-order.ts';
import {
  type FlowMode,
  type FlowModeContext,
  type FlowRequest,
  NO_ROOM,
  type Selection,
} from './flow-mode.ts';
import { earliestTaking, earliestView, type FlowView } from './flow-view.ts';

/** `priority`: the first uplink in the order that has room; those beyond the limits stand behind all others. */
export class PriorityFlow implements FlowMode {
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;

  constructor({ policy, limits }: FlowModeContext) {
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
  }

  select(request: FlowRequest, views: readonly FlowView[]): Selection {
    const { bytes } = request;
    const left = this.#limits.left(views);
    const behind = views.filter(({ uplink }) => left.has(uplink));
    let rest = views.filter(({ uplink }) => !left.has(uplink));
    for (let isFirst = true; rest.length > 0; isFirst = false) {
      const group = this.#order.first(rest);
      const view = earliestView(group, bytes);
      if (view !== undefined) return { views: [view], spread: !isFirst || group.length > 1 };
      rest = rest.filter((other) => !group.includes(other));
    }
    const last = earliestView(behind, bytes) ?? earliestTaking(views, request);
    return last === undefined ? NO_ROOM : { views: [last], spread: true };
  }
}
