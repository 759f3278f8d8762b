import type { Now } from '../../../now.ts';
import { SteadyChoice, type SteadyChoiceTuning } from '../../../scheduler/steady-choice.ts';
import type { UplinkLimits } from '../../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../../scheduler/uplink-order.ts';
import {
  type FlowMode,
  type FlowModeContext,
  type FlowRequest,
  NO_ROOM,
  onOne,
  type Selection,
} from './flow-mode.ts';
import { earliestTaking, type FlowView, leastWithRoom } from './flow-view.ts';

export interface FlowletTuning extends SteadyChoiceTuning {
  /** Where no pause is long enough to change without mixing up the order, it is changed nevertheless after so long. */
  readonly patienceMs: number;
  /** A flow that is not small takes several uplinks once so much is queued on its own, */
  readonly spreadQueueMs: number;
  /**
   * or once so much of what fills its own is under way: congestion control that looks for a rate stops at the first delay that it sees
   * (HyStart, RFC 9406), and would find that of one uplink;
   */
  readonly spreadFillShare: number;
  /** and for so long afterwards. */
  readonly spreadMs: number;
  /** An uplink that is full counts as slower than one that is empty, by this share of the shortest round trip, */
  readonly fillDelayShare: number;
  /** among those whose round trips are at most this multiple of the shortest. */
  readonly alikeRatio: number;
  /** Loss of everything would count like so much delay. */
  readonly lossMs: number;
  /** A path that stood still of late counts as slower by this. */
  readonly unsteadyMs: number;
  /** `lowest-latency`: an uplink with a longer round trip is left, if the policy gives no other limit. */
  readonly defaultMaxRttMs: number;
}

/**
 * `lowest-latency` and `aggregate`. A flow stays on the uplink with the shortest delay, and changes to one that has been better for a
 * while in a pause that is longer than what their delays differ, so that its order stays (flowlets; Kandula et al., 2007). One that is more
 * than its uplink carries, in `aggregate` any that is not small, takes all of them: each datagram goes where it would arrive first.
 */
export class Flowlets implements FlowMode {
  readonly #now: Now;
  readonly #tuning: FlowletTuning;
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  readonly #choice: SteadyChoice;
  readonly #spreadsAtOnce: boolean;
  #spreadUntilMs = Number.NEGATIVE_INFINITY;
  #fillUntilMs = Number.NEGATIVE_INFINITY;
  #wantsToLeaveMs: number | undefined;

  constructor({ now, policy, limits, tuning }: FlowModeContext, mode: 'lowest-latency' | 'aggregate') {
    const { defaultMaxRttMs } = tuning.flowlets;
    this.#now = now;
    this.#tuning = tuning.flowlets;
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({
      delayOf: ({ delayMs }) => delayMs,
      ...(mode === 'lowest-latency' && { defaultMaxRttMs }),
    });
    this.#choice = new SteadyChoice(now, tuning.flowlets);
    this.#spreadsAtOnce = mode === 'aggregate';
  }

  select(request: FlowRequest, views: readonly FlowView[]): Selection {
    const { bytes, isSmall, pauseMs } = request;
    const good = this.#limits.within(views);
    // A small flow is sent twice then; of a large one too much would be caught in a pause.
    const heard = isSmall ? good : good.filter(({ isLate }) => !isLate);
    const within = heard.length > 0 ? heard : good;
    const preferred = this.#order.first(within);
    const uplink = this.#choice.choose(preferred, this.#cost, (gainMs) => this.#mayLeave(gainMs, pauseMs));
    const current = within.find((view) => view.uplink === uplink)!;
    if (isSmall || within.length === 1) return onOne(current, request);
    const spreadTo = this.#spreadTo(current, bytes, { within, preferred });
    if (spreadTo.length === 1) return onOne(current, request);
    const first = this.#earliest(spreadTo, bytes) ?? earliestTaking(spreadTo, request);
    return first === undefined ? NO_ROOM : { views: [first], spread: true };
  }

  /**
   * Where a datagram would arrive first. Uplinks with like delays fill up alike, those of which nothing is known as if they carried the same;
   * one with a longer delay is used once they are full.
   */
  #earliest(views: readonly FlowView[], bytes: number): FlowView | undefined {
    const { fillDelayShare, alikeRatio } = this.#tuning;
    const guess = Math.max(...views.map((view) => (view.isRateKnown ? 0 : view.rateBytesPerSecond)));
    const leastRttMs = Math.min(...views.map(({ minRttMs }) => minRttMs));
    return leastWithRoom(views, bytes, (view) => {
      const rate = view.isRateKnown ? view.rateBytesPerSecond : guess;
      const isAlike = view.minRttMs <= alikeRatio * leastRttMs;
      const fillShare = isAlike ? Math.min(1, view.fillShare(bytes, rate)) : 1;
      return view.deliveryMs(bytes) + fillDelayShare * leastRttMs * fillShare;
    });
  }

  /** The uplinks that a large flow takes at a time. */
  #spreadTo(current: FlowView, bytes: number, { within, preferred }: Choices): readonly FlowView[] {
    const { spreadQueueMs, spreadFillShare, spreadMs } = this.#tuning;
    if (this.#spreadsAtOnce) return within;
    const { ms } = this.#now;
    // What a path carries is a guess at first: a queue must be seen, too.
    const hasQueue = Math.min(current.queueMs, current.delayMs - current.minRttMs) > spreadQueueMs;
    if (hasQueue || !current.hasRoom(bytes)) this.#spreadUntilMs = ms + spreadMs;
    if (ms < this.#spreadUntilMs) return within;
    // Before there is a queue others are only helped out with where they are as good, and cost no more.
    if (current.fillShare(bytes, current.rateBytesPerSecond) > spreadFillShare)
      this.#fillUntilMs = ms + spreadMs;
    if (ms >= this.#fillUntilMs) return [current];
    const isMetered = current.uplink.isMetered;
    return preferred.filter(({ uplink }) => isMetered || !uplink.isMetered);
  }

  readonly #cost = (view: FlowView): number => {
    const { lossMs, unsteadyMs } = this.#tuning;
    return view.delayMs + view.lossShare * lossMs + (view.isUnsteady ? unsteadyMs : 0);
  };

  /** What leaves now must not overtake what left before. */
  #mayLeave(gainMs: number, pauseMs: number): boolean {
    this.#wantsToLeaveMs ??= this.#now.ms;
    const isPause = pauseMs >= gainMs / 2;
    if (!isPause && this.#now.ms - this.#wantsToLeaveMs < this.#tuning.patienceMs) return false;
    this.#wantsToLeaveMs = undefined;
    return true;
  }
}

interface Choices {
  /** All that may be used. */
  readonly within: readonly FlowView[];
  /** The first of the policy's order. */
  readonly preferred: readonly FlowView[];
}
