import type { SubflowView } from '../subflow/subflow-view.ts';

/** The order of preference that a policy gives. */
export class UplinkOrder {
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #last: number;

  constructor(order: readonly string[] = []) {
    this.#ranks = new Map(order.map((name, rank) => [name, rank]));
    this.#last = order.length;
  }

  /** 0 is best; those not named come last, all alike. */
  rankOf(uplinkName: string): number {
    return this.#ranks.get(uplinkName) ?? this.#last;
  }

  /** The best rank among the views. */
  bestRank(views: readonly SubflowView[]): number {
    let best = this.#last;
    for (const { uplinkName } of views) best = Math.min(best, this.rankOf(uplinkName));
    return best;
  }
}
