import type { SubflowView, UplinkView } from '../subflow/subflow-view.ts';
import { UplinkValues } from './uplink-values.ts';

/** The order of preference that a policy gives. */
export class UplinkOrder {
  /** How many are named. */
  readonly length: number;
  readonly #ranks: UplinkValues<number>;

  constructor(order: readonly string[] = []) {
    this.length = order.length;
    this.#ranks = new UplinkValues(new Map(order.map((name, rank) => [name, rank])), order.length);
  }

  /** 0 is best; those not named come last, all alike. */
  rankOf(uplink: UplinkView): number {
    return this.#ranks.of(uplink);
  }

  /** The views of the best rank. */
  first<View extends Pick<SubflowView, 'uplink'>>(views: readonly View[]): readonly View[] {
    let best = Number.POSITIVE_INFINITY;
    for (const { uplink } of views) best = Math.min(best, this.rankOf(uplink));
    return views.filter(({ uplink }) => this.rankOf(uplink) === best);
  }
}
