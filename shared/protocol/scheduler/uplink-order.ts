import { deliveryTimeMs, least, type SegmentRequest, type SubflowView } from './scheduler.ts';

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

/** Of an uplink's subflows that take data now, the one on which the segment would arrive first. */
export function freeOn<View extends SubflowView>(
  uplinkName: string,
  views: readonly View[],
  request: SegmentRequest,
  _nowMs: number,
): View | undefined {
  const free = views.filter((view) => view.uplinkName === uplinkName && view.canTake);
  return earliest(free, request);
}

/** The view on which the segment would arrive first. */
export function earliest<View extends SubflowView>(
  views: readonly View[],
  { lengthBytes }: SegmentRequest,
): View | undefined {
  return least(views, (view) => deliveryTimeMs(view, Math.min(lengthBytes, view.segmentBytes)));
}
