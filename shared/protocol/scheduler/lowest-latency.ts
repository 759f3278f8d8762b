import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { UplinkStanding } from '../steering/uplink-standing.ts';
import {
  DEFAULT_MAX_RTT_MS,
  RETURN_SHARE,
  RIVAL_DELAY_SHARE,
  RIVAL_MS,
  RIVAL_SLACK_MS,
} from '../tunables.ts';
import { least, type PacketScheduler, type SegmentRequest, type SubflowView } from './scheduler.ts';
import { freeOn } from './uplink-order.ts';

/**
 * `lowest-latency`: the uplink with the lowest delay as it is now. It is left at once when it passes the limits of the
 * policy, or works no more; for a better one only if that has been clearly better for a while.
 */
export class LowestLatency implements PacketScheduler {
  readonly #maxRttMs: number;
  readonly #maxLoss: number;
  readonly #standings = new Map<string, UplinkStanding>();
  #current: string | undefined;
  #rival: { readonly uplinkName: string; readonly sinceMs: number } | undefined;

  constructor({ maxRttMs = DEFAULT_MAX_RTT_MS, maxLoss = 1 }: SteeringPolicy) {
    this.#maxRttMs = maxRttMs;
    this.#maxLoss = maxLoss;
  }

  select<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    nowMs: number,
  ): View | undefined {
    this.#current = this.#choose(candidates, nowMs);
    return freeOn(this.#current, candidates, request, nowMs);
  }

  /** What is late on an uplink that was left is copied to the one in use. */
  mayCopy(target: SubflowView): boolean {
    return target.uplinkName === this.#current;
  }

  #choose(candidates: readonly SubflowView[], nowMs: number): string {
    const left = this.#leftUplinks(candidates, nowMs);
    const within =
      left.size === 0 ? candidates : candidates.filter(({ uplinkName }) => !left.has(uplinkName));
    const eligible = within.length > 0 ? within : candidates;
    const best = least(eligible, pathDelayMs)!;
    const current = least(
      eligible.filter(({ uplinkName }) => uplinkName === this.#current),
      pathDelayMs,
    );
    if (current === undefined) {
      this.#rival = undefined;
      return best.uplinkName;
    }
    const isBetter = pathDelayMs(best) < pathDelayMs(current) * RIVAL_DELAY_SHARE - RIVAL_SLACK_MS;
    if (!isBetter) this.#rival = undefined;
    else if (this.#rival?.uplinkName !== best.uplinkName) {
      this.#rival = { uplinkName: best.uplinkName, sinceMs: nowMs };
    } else if (nowMs - this.#rival.sinceMs >= RIVAL_MS) {
      this.#rival = undefined;
      return best.uplinkName;
    }
    return current.uplinkName;
  }

  /** An uplink is as good as the best of its subflows. */
  #leftUplinks(views: readonly SubflowView[], nowMs: number): ReadonlySet<string> {
    const left = new Set<string>();
    for (const uplinkName of new Set(views.map((view) => view.uplinkName))) {
      const own = views.filter((view) => view.uplinkName === uplinkName);
      const standing = this.#standingOf(uplinkName);
      const isBad = own.every((view) => !this.#isWithin(view, 1));
      const isGood = own.some((view) => this.#isWithin(view, RETURN_SHARE));
      if (standing.update(isBad, isGood, nowMs)) left.add(uplinkName);
    }
    return left;
  }

  #standingOf(uplinkName: string): UplinkStanding {
    let standing = this.#standings.get(uplinkName);
    if (standing === undefined) {
      const oldest = this.#standings.size < MAX_STANDINGS ? undefined : this.#standings.keys().next().value;
      if (oldest !== undefined) this.#standings.delete(oldest);
      standing = new UplinkStanding();
      this.#standings.set(uplinkName, standing);
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
