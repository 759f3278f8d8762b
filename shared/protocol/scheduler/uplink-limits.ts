import type { Now } from '../now.ts';
import type { SubflowView, UplinkView } from '../subflow/subflow-view.ts';
import { type DelayView, pathDelayMs } from './path-delay.ts';
import { SteadyChoice, type SteadyChoiceTuning } from './steady-choice.ts';
import { type StandingTuning, UplinkStanding } from './uplink-standing.ts';

export interface LimitsTuning extends SteadyChoiceTuning {
  /** An uplink that was left may be used again below this share of the limits. */
  readonly returnShare: number;
}

export const LIMITS_TUNING: LimitsTuning = {
  returnShare: 0.8,
  // Of uplinks that are all beyond the limits: loss and delay waver by more than a few percent.
  rivalShare: 0.8,
  rivalSlack: 0,
  rivalMs: 2_000,
};

/** What is held against limits: a subflow, or a path of datagrams. */
export type LimitedView = DelayView & Pick<SubflowView, 'uplink' | 'lossShare'>;

export interface UplinkLimitsOptions {
  readonly now: Now;
  /** As in `ModeParameters`; undefined: any. */
  readonly maxRttMs: number | undefined;
  readonly maxLoss: number | undefined;
  readonly tuning: LimitsTuning;
  readonly standingTuning: StandingTuning;
  /** The delay that is held against the limit, in milliseconds. */
  readonly delayOf: (view: LimitedView) => number;
}

/**
 * Which uplinks are good enough for a policy: those within its `maxRttMs` and `maxLoss`. One that is left comes back when it
 * has been well within them for a while. As good as the best of its subflows.
 */
export class UplinkLimits {
  /** Whether the policy sets any; otherwise all uplinks are within. */
  readonly isSet: boolean;
  readonly #options: UplinkLimitsOptions;
  readonly #maxRttMs: number;
  readonly #maxLoss: number;
  readonly #standings = new Map<UplinkView, UplinkStanding>();
  readonly #best: SteadyChoice;
  /** What was found last: a turn asks for the same views many times. */
  #judged:
    | { readonly views: readonly LimitedView[]; readonly atMs: number; readonly beyond: Beyond }
    | undefined;

  constructor(options: UplinkLimitsOptions) {
    const { maxRttMs, maxLoss } = options;
    this.#options = options;
    this.isSet = maxRttMs !== undefined || maxLoss !== undefined;
    this.#maxRttMs = maxRttMs ?? Number.POSITIVE_INFINITY;
    this.#maxLoss = maxLoss ?? 1;
    this.#best = new SteadyChoice(options.now, options.tuning);
  }

  /** The uplinks beyond the limits; it may be all of them. */
  beyond(views: readonly LimitedView[]): ReadonlySet<UplinkView> {
    if (!this.isSet) return NONE;
    const { now } = this.#options;
    if (this.#judged?.views !== views || this.#judged.atMs !== now.ms) {
      this.#judged = { views, atMs: now.ms, beyond: this.#judge(views) };
    }
    return this.#judged.beyond;
  }

  /** The uplinks that are left: those beyond the limits; but for the best of them where all are. @param views not empty */
  left(views: readonly LimitedView[]): ReadonlySet<UplinkView> {
    const beyond = this.beyond(views);
    if (beyond.size === 0 || views.some(({ uplink }) => !beyond.has(uplink))) return beyond;
    const best = this.bestOf(views);
    return new Set([...beyond].filter((uplink) => uplink !== best));
  }

  /** The views of uplinks that are not left: never none of several. */
  within<View extends LimitedView>(views: readonly View[]): readonly View[] {
    const left = this.left(views);
    return left.size === 0 ? views : views.filter(({ uplink }) => !left.has(uplink));
  }

  /**
   * Whether one uplink would be left now for another of these views. It is not looked at for that.
   * @param views of what may carry now; the uplink need not be among them
   */
  leaves(uplink: UplinkView, views: readonly LimitedView[]): boolean {
    if (!this.isSet) return false;
    let leaves = false;
    let isAnotherUsed = false;
    for (const [one, { isBad, isGood }] of this.#verdicts(views)) {
      const isLeft = this.#standings.get(one)?.isLeftWith(isBad, isGood) ?? isBad;
      if (one === uplink) leaves = isLeft;
      else isAnotherUsed ||= !isLeft;
    }
    return leaves && isAnotherUsed;
  }

  /** What is not passed; infinite, and 1, where the policy says nothing of it. */
  get most(): { readonly rttMs: number; readonly loss: number } {
    return { rttMs: this.#maxRttMs, loss: this.#maxLoss };
  }

  /** The uplink that comes nearest to the limits. @param views not empty */
  bestOf(views: readonly LimitedView[]): UplinkView {
    return this.#best.choose(views, (view) => this.excessOf(view));
  }

  /** Its figures as shares of the limits, the larger of the two, whatever this end has queued there. */
  excessOf(view: LimitedView): number {
    return this.#excess(view, pathDelayMs(view));
  }

  #judge(views: readonly LimitedView[]): Beyond {
    const beyond = new Set<UplinkView>();
    for (const [uplink, { isBad, isGood }] of this.#verdicts(views)) {
      if (this.#standingOf(uplink).update(isBad, isGood)) beyond.add(uplink);
    }
    return beyond;
  }

  /** How each uplink is now, whatever it was before. */
  #verdicts(views: readonly LimitedView[]): ReadonlyMap<UplinkView, Verdict> {
    const { returnShare } = this.#options.tuning;
    const byUplink = new Map<UplinkView, Verdict>();
    for (const view of views) {
      const excess = this.#excess(view, this.#options.delayOf(view));
      const known = byUplink.get(view.uplink) ?? { isBad: true, isGood: false };
      byUplink.set(view.uplink, {
        isBad: known.isBad && excess > 1,
        isGood: known.isGood || excess <= returnShare,
      });
    }
    return byUplink;
  }

  #standingOf(uplink: UplinkView): UplinkStanding {
    let standing = this.#standings.get(uplink);
    if (standing === undefined) {
      const oldest = this.#standings.size < MAX_STANDINGS ? undefined : this.#standings.keys().next().value;
      if (oldest !== undefined) this.#standings.delete(oldest);
      const { now, standingTuning } = this.#options;
      standing = new UplinkStanding(now, standingTuning);
      this.#standings.set(uplink, standing);
    }
    return standing;
  }

  /** Up to 1 within the limits. */
  #excess({ lossShare }: LimitedView, delayMs: number): number {
    return Math.max(delayMs / this.#maxRttMs, lossShareOf(lossShare, this.#maxLoss));
  }
}

interface Verdict {
  /** Beyond the limits. */
  readonly isBad: boolean;
  /** Well within them. */
  readonly isGood: boolean;
}

type Beyond = ReadonlySet<UplinkView>;

const NONE: Beyond = new Set();

/** Uplinks whose standing is remembered; more than work at a time. */
const MAX_STANDINGS = 64;

/** A limit of no loss at all is passed by any loss. */
function lossShareOf(loss: number, most: number): number {
  if (loss === 0) return 0;
  return most === 0 ? Number.POSITIVE_INFINITY : loss / most;
}
