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

/** A subflow, or a path of datagrams. */
type UplinkOf = Pick<SubflowView, 'uplink'>;

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

  /**
   * @param views not empty; another uplink is chosen at once when the current one is not among them
   * @param mayLeave whether the current one may be left now for one that costs so much less; absent: always
   */
  choose<View extends UplinkOf>(
    views: readonly View[],
    cost: (view: View) => number,
    mayLeave?: (gain: number) => boolean,
  ): UplinkView {
    const best = leastOrFirst(views, cost);
    const own = views.filter(({ uplink }) => uplink === this.#current);
    if (own.length === 0 || this.#hasLost(cost(leastOrFirst(own, cost)), best.uplink, cost(best), mayLeave)) {
      this.#rival = undefined;
      this.#current = best.uplink;
    }
    return this.#current!;
  }

  /** Whether the rival has been clearly better for long enough. */
  #hasLost(
    currentCost: number,
    rival: UplinkView,
    rivalCost: number,
    mayLeave: (gain: number) => boolean = () => true,
  ): boolean {
    const { rivalShare, rivalSlack, rivalMs } = this.#tuning;
    if (rivalCost >= currentCost * rivalShare - rivalSlack) {
      this.#rival = undefined;
      return false;
    }
    if (this.#rival?.uplink !== rival) this.#rival = { uplink: rival, sinceMs: this.#now.ms };
    return this.#now.ms - this.#rival.sinceMs >= rivalMs && mayLeave(currentCost - rivalCost);
  }
}

/** The first where all cost without end. */
function leastOrFirst<View extends UplinkOf>(views: readonly View[], cost: (view: View) => number): View {
  return least(views, cost) ?? views[0]!;
}
