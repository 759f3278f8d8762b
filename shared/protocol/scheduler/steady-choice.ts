import type { Now } from '../now.ts';
import type { SubflowView, UplinkView } from '../subflow/subflow-view.ts';
import { least } from './delivery-time.ts';

export interface SteadyChoiceTuning {
  /** Another uplink must cost below this share of the one in use, */
  readonly rivalShare: number;
  /** less this much, */
  readonly rivalSlack: number;
  /** for so long, to take its place. */
  readonly rivalMs: number;
}

/** The uplink that costs least, held until another has been clearly better for a while: nothing goes back and forth. */
export class SteadyChoice {
  readonly #now: Now;
  readonly #tuning: SteadyChoiceTuning;
  #current: UplinkView | undefined;
  #rival: { readonly uplink: UplinkView; readonly sinceMs: number } | undefined;

  constructor(now: Now, tuning: SteadyChoiceTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  /** @param views not empty; another uplink is chosen at once when the current one is not among them */
  choose(views: readonly SubflowView[], cost: (view: SubflowView) => number): UplinkView {
    const best = leastOrFirst(views, cost);
    const own = views.filter(({ uplink }) => uplink === this.#current);
    if (own.length === 0 || this.#hasLost(cost(leastOrFirst(own, cost)), best.uplink, cost(best))) {
      this.#rival = undefined;
      this.#current = best.uplink;
    }
    return this.#current!;
  }

  /** Whether the rival has been clearly better for long enough. */
  #hasLost(currentCost: number, rival: UplinkView, rivalCost: number): boolean {
    const { rivalShare, rivalSlack, rivalMs } = this.#tuning;
    if (rivalCost >= currentCost * rivalShare - rivalSlack) {
      this.#rival = undefined;
      return false;
    }
    if (this.#rival?.uplink !== rival) this.#rival = { uplink: rival, sinceMs: this.#now.ms };
    return this.#now.ms - this.#rival.sinceMs >= rivalMs;
  }
}

/** The first where all cost without end. */
function leastOrFirst(views: readonly SubflowView[], cost: (view: SubflowView) => number): SubflowView {
  return least(views, cost) ?? views[0]!;
}
