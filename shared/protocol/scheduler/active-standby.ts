import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { STANDBY_RETURN_MS } from '../tunables.ts';
import { least, type PacketScheduler, type SegmentRequest, type SubflowView } from './scheduler.ts';
import { earliest, freeOn, UplinkOrder } from './uplink-order.ts';

/**
 * `active-standby`: the preferred uplink alone; the next one when it is doubted or gone, and back when it has worked
 * again for a while (TS 23.501 section 5.32.8; "make before break": the others are joined all along).
 */
export class ActiveStandby implements PacketScheduler {
  readonly #order: UplinkOrder;
  readonly #followsPeer: boolean;
  #current: string | undefined;
  #better: { readonly uplinkName: string; readonly sinceMs: number } | undefined;

  /** @param followsPeer of uplinks that are preferred alike, the one on which the peer sent last is taken */
  constructor({ order }: SteeringPolicy, followsPeer: boolean) {
    this.#order = new UplinkOrder(order);
    this.#followsPeer = followsPeer;
  }

  select<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    nowMs: number,
  ): View | undefined {
    this.#current = this.#choose(request, candidates, nowMs);
    return freeOn(this.#current, candidates, request, nowMs);
  }

  /** What is late stays late rather than cost something on the standby: if the uplink is dead, doubt says so soon. */
  mayCopy(target: SubflowView): boolean {
    return target.uplinkName === this.#current;
  }

  #choose(request: SegmentRequest, candidates: readonly SubflowView[], nowMs: number): string {
    const best = this.#preferred(request, candidates);
    const current = this.#current;
    if (current === undefined || !candidates.some(({ uplinkName }) => uplinkName === current)) return best;
    if (this.#order.rankOf(best) >= this.#order.rankOf(current)) {
      this.#better = undefined;
      return current;
    }
    if (this.#better?.uplinkName !== best) this.#better = { uplinkName: best, sinceMs: nowMs };
    return nowMs - this.#better.sinceMs >= STANDBY_RETURN_MS ? best : current;
  }

  #preferred(request: SegmentRequest, candidates: readonly SubflowView[]): string {
    const rank = this.#order.bestRank(candidates);
    const alike = candidates.filter(({ uplinkName }) => this.#order.rankOf(uplinkName) === rank);
    const chosen = this.#followsPeer
      ? least(alike, ({ lastDataMs }) => -lastDataMs)
      : earliest(alike, request);
    return chosen!.uplinkName;
  }
}
