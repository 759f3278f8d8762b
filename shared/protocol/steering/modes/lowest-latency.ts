import type { Now } from '../../now.ts';
import { freeOn, least } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { type StandingTuning, UplinkStanding } from '../../scheduler/uplink-standing.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

export interface LowestLatencyTuning {
  /** An uplink with a longer round trip is left, if the policy gives no other limit: a map that is dragged feels late beyond. */
  readonly defaultMaxRttMs: number;
  /** It may come back below this share of the limits. */
  readonly returnShare: number;
  /** Another uplink within the limits must be below this share of the delay, less this much, for so long: receipts measure no better. */
  readonly rivalDelayShare: number;
  readonly rivalSlackMs: number;
  readonly rivalMs: number;
}

export const LOWEST_LATENCY_TUNING: LowestLatencyTuning = {
  defaultMaxRttMs: 250,
  returnShare: 0.8,
  rivalDelayShare: 0.8,
  rivalSlackMs: 5,
  rivalMs: 2_000,
};

/**
 * `lowest-latency`: the uplink with the lowest delay as it is now. It is left at once when it passes the limits of the
 * policy, or works no more; for a better one only if that has been clearly better for a while.
 */
export class LowestLatency implements PacketScheduler {
  readonly #now: Now;
  readonly #tuning: LowestLatencyTuning;
  readonly #standingTuning: StandingTuning;
  readonly #maxRttMs: number;
  readonly #maxLoss: number;
  readonly #standings = new Map<UplinkView, UplinkStanding>();
  #current: UplinkView | undefined;
  #rival: { readonly uplink: UplinkView; readonly sinceMs: number } | undefined;

  constructor({ policy, now }: ModeContext, tuning: LowestLatencyTuning, standingTuning: StandingTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#standingTuning = standingTuning;
    this.#maxRttMs = policy.maxRttMs ?? tuning.defaultMaxRttMs;
    this.#maxLoss = policy.maxLoss ?? 1;
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
    const left = this.#leftUplinks(candidates);
    const within = left.size === 0 ? candidates : candidates.filter(({ uplink }) => !left.has(uplink));
    const eligible = within.length > 0 ? within : candidates;
    const best = least(eligible, pathDelayMs)!;
    const current = least(
      eligible.filter(({ uplink }) => uplink === this.#current),
      pathDelayMs,
    );
    if (current === undefined) {
      this.#rival = undefined;
      return best.uplink;
    }
    const { rivalDelayShare, rivalSlackMs, rivalMs } = this.#tuning;
    const isBetter = pathDelayMs(best) < pathDelayMs(current) * rivalDelayShare - rivalSlackMs;
    if (!isBetter) this.#rival = undefined;
    else if (this.#rival?.uplink !== best.uplink) {
      this.#rival = { uplink: best.uplink, sinceMs: this.#now.ms };
    } else if (this.#now.ms - this.#rival.sinceMs >= rivalMs) {
      this.#rival = undefined;
      return best.uplink;
    }
    return current.uplink;
  }

  /** An uplink is as good as the best of its subflows. */
  #leftUplinks(views: readonly SubflowView[]): ReadonlySet<UplinkView> {
    const byUplink = new Map<UplinkView, SubflowView[]>();
    for (const view of views) {
      const own = byUplink.get(view.uplink);
      if (own === undefined) byUplink.set(view.uplink, [view]);
      else own.push(view);
    }
    const left = new Set<UplinkView>();
    for (const [uplink, own] of byUplink) {
      const standing = this.#standingOf(uplink);
      const isBad = own.every((view) => !this.#isWithin(view, 1));
      const isGood = own.some((view) => this.#isWithin(view, this.#tuning.returnShare));
      if (standing.update(isBad, isGood)) left.add(uplink);
    }
    return left;
  }

  #standingOf(uplink: UplinkView): UplinkStanding {
    let standing = this.#standings.get(uplink);
    if (standing === undefined) {
      const oldest = this.#standings.size < MAX_STANDINGS ? undefined : this.#standings.keys().next().value;
      if (oldest !== undefined) this.#standings.delete(oldest);
      standing = new UplinkStanding(this.#now, this.#standingTuning);
      this.#standings.set(uplink, standing);
    }
    return standing;
  }

  /** Whether its figures are below this share of the limits. */
  #isWithin({ delayMs, lossShare }: SubflowView, share: number): boolean {
    return delayMs <= this.#maxRttMs * share && lossShare <= this.#maxLoss * share;
  }
}

/** Uplinks whose standing a stream remembers; more than work at a time. */
const MAX_STANDINGS = 64;

/** The delay of the path without what this end has queued there itself: an uplink must not look slow for being used. */
function pathDelayMs(view: SubflowView): number {
  const { rateBytesPerSecond: rate, minRttMs, inFlightBytes, delayMs } = view;
  const ownQueueMs = Math.max(0, (inFlightBytes * 1000) / rate - minRttMs);
  return Math.max(minRttMs, delayMs - ownQueueMs);
}
