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
import { earliestTaking, earliestView, type FlowView } from './flow-view.ts';

export interface FlowletTuning extends SteadyChoiceTuning {
  /** Where no pause is long enough to change without mixing up the order, it is changed nevertheless after so long. */
  readonly patienceMs: number;
  /** A flow that is not small takes several uplinks once so much is queued on its own, */
  readonly spreadQueueMs: number;
  /** and for so long afterwards. */
  readonly spreadMs: number;
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

  select({ bytes, isSmall, pauseMs }: FlowRequest, views: readonly FlowView[]): Selection {
    const good = this.#limits.within(views);
    // A small flow is sent twice then; of a large one too much would be caught in a pause.
    const heard = isSmall ? good : good.filter(({ isLate }) => !isLate);
    const within = heard.length > 0 ? heard : good;
    const uplink = this.#choice.choose(this.#order.first(within), this.#cost, (gainMs) =>
      this.#mayLeave(gainMs, pauseMs),
    );
    const current = within.find((view) => view.uplink === uplink)!;
    if (isSmall || within.length === 1) return onOne(current, bytes);
    if (!this.#spreads(current, bytes)) return onOne(current, bytes);
    const first = earliestView(within, bytes) ?? earliestTaking(within, bytes);
    return first === undefined ? NO_ROOM : { views: [first], spread: true };
  }

  #spreads(current: FlowView, bytes: number): boolean {
    const { spreadQueueMs, spreadMs } = this.#tuning;
    if (this.#spreadsAtOnce) return true;
    // What a path carries is a guess at first: a queue must be seen, too.
    const hasQueue = Math.min(current.queueMs, current.delayMs - current.minRttMs) > spreadQueueMs;
    if (hasQueue || !current.hasRoom(bytes)) {
      this.#spreadUntilMs = this.#now.ms + spreadMs;
    }
    return this.#now.ms < this.#spreadUntilMs;
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
