import { least } from '../../../scheduler/delivery-time.ts';
import { pathDelayMs } from '../../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../../scheduler/uplink-order.ts';
import { UplinkValues } from '../../../scheduler/uplink-values.ts';
import type { UplinkView } from '../../../subflow/subflow-view.ts';
import {
  type FlowMode,
  type FlowModeContext,
  type FlowRequest,
  NO_ROOM,
  type Selection,
} from './flow-mode.ts';
import type { FlowView } from './flow-view.ts';

export interface SharesTuning {
  /** `weighted`: a flow stays on an uplink until that is ahead of its share by so much: its order is mixed up seldom. */
  readonly slackBytes: number;
}

/** `weighted` and `round-robin`: the bytes of a flow by share, of those uplinks that work and are within the limits. */
export class SharesFlow implements FlowMode {
  readonly #slackBytes: number;
  /** 0: no share. */
  readonly #weights: UplinkValues<number>;
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  /** Since the set of those that work has changed. */
  #sent = new Map<UplinkView, number>();
  #current: UplinkView | undefined;

  constructor({ policy, limits, tuning }: FlowModeContext, mode: 'weighted' | 'round-robin') {
    this.#slackBytes = mode === 'weighted' ? tuning.flowShares.slackBytes : 0;
    this.#weights = new UplinkValues(new Map(Object.entries(policy.weights ?? {})), 0);
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
  }

  select({ bytes, isSmall }: FlowRequest, views: readonly FlowView[]): Selection {
    const sharers = this.#sharersAmong(this.#limits.within(views));
    if (sharers.length !== this.#sent.size || !sharers.every(({ uplink }) => this.#sent.has(uplink))) {
      this.#sent = new Map(sharers.map(({ uplink }) => [uplink, 0]));
    }
    const open = sharers.filter((view) => view.takes(bytes, isSmall));
    const leads = (view: FlowView) => this.#sent.get(view.uplink)! / (this.#weights.of(view.uplink) || 1);
    const last = least(open, leads);
    if (last === undefined) return NO_ROOM;
    const current = open.find(({ uplink }) => uplink === this.#current);
    const isAhead = current === undefined || leads(current) > leads(last) + this.#slackBytes;
    const view = isAhead ? last : current;
    this.#current = view.uplink;
    this.#sent.set(view.uplink, this.#sent.get(view.uplink)! + bytes);
    return { views: [view], spread: sharers.length > 1 };
  }

  /** Those with a share, or, where none has one, the first of the order. */
  #sharersAmong(views: readonly FlowView[]): readonly FlowView[] {
    const weighted = views.filter(({ uplink }) => this.#weights.of(uplink) > 0);
    return weighted.length > 0 ? weighted : this.#order.first(views);
  }
}
