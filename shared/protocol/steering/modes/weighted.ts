import { freeOn, least } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, Segment, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import { pathDelayMs } from '../../scheduler/path-delay.ts';
import type { UplinkLimits } from '../../scheduler/uplink-limits.ts';
import { UplinkOrder } from '../../scheduler/uplink-order.ts';
import { UplinkValues } from '../../scheduler/uplink-values.ts';
import type { SubflowView, UplinkView } from '../../subflow/subflow-view.ts';

export interface WeightedTuning {
  /** No uplink is ahead of its share by more than this. Enough for a turn of the fastest, little beside a bulk transfer. */
  readonly slackBytes: number;
}

export const WEIGHTED_TUNING: WeightedTuning = { slackBytes: 128 * 1024 };

/**
 * `weighted`: bytes by share, whatever the uplinks could carry; the one that is slowest for its share sets the pace. The
 * shares are those of the uplinks that work and are within the limits; if no uplink with a share does, the others stand in, the
 * first of the order, or all alike. Where none is within the limits, the best that would be used without them is.
 */
export class Weighted implements PacketScheduler {
  readonly #tuning: WeightedTuning;
  /** 0: no share. */
  readonly #weights: UplinkValues<number>;
  /** Of those that stand in. */
  readonly #order: UplinkOrder;
  readonly #limits: UplinkLimits;
  /** Bytes given to each uplink since the set of those that work changed. */
  #sent = new Map<UplinkView, number>();
  #sharers: ReadonlySet<UplinkView> = new Set();

  constructor({ policy, limits }: ModeContext, tuning: WeightedTuning) {
    this.#tuning = tuning;
    this.#weights = new UplinkValues(new Map(Object.entries(policy.weights ?? {})), 0);
    this.#order = new UplinkOrder(policy.order);
    this.#limits = limits({ delayOf: pathDelayMs });
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const shares = this.#shares(candidates);
    this.#startAnew(shares);
    const total = [...this.#sent.values()].reduce((sum, bytes) => sum + bytes, 0);
    const leadBytes = (uplink: UplinkView) => (this.#sent.get(uplink) ?? 0) - total * shares.get(uplink)!;
    const free = new Set<UplinkView>();
    for (const view of candidates) if (view.canTake) free.add(view.uplink);
    const next = least(
      [...shares.keys()].filter((uplink) => free.has(uplink)),
      leadBytes,
    );
    if (next === undefined || leadBytes(next) > this.#tuning.slackBytes) return undefined;
    return freeOn(next, candidates, request);
  }

  onSent({ uplink }: SubflowView, { length }: Segment): void {
    this.#sent.set(uplink, (this.#sent.get(uplink) ?? 0) + length);
  }

  /** Copies would shift the shares. */
  mayCopy(): boolean {
    return false;
  }

  /** The share of each uplink, 1 in all. */
  #shares(candidates: readonly SubflowView[]): ReadonlyMap<UplinkView, number> {
    const sharers = this.#sharersAmong(candidates);
    const weightOf = (uplink: UplinkView) => this.#weights.of(uplink) || 1;
    const sum = sharers.reduce((total, uplink) => total + weightOf(uplink), 0);
    return new Map(sharers.map((uplink) => [uplink, weightOf(uplink) / sum]));
  }

  #sharersAmong(candidates: readonly SubflowView[]): readonly UplinkView[] {
    const beyond = this.#limits.beyond(candidates);
    const within = this.#used(candidates.filter(({ uplink }) => !beyond.has(uplink)));
    if (within.length > 0) return [...new Set(within.map(({ uplink }) => uplink))];
    return [this.#limits.bestOf(this.#used(candidates))];
  }

  /** Those with a share, or those that stand in where none has one. */
  #used(views: readonly SubflowView[]): readonly SubflowView[] {
    const weighted = views.filter(({ uplink }) => this.#weights.of(uplink) > 0);
    return weighted.length > 0 ? weighted : this.#order.first(views);
  }

  /** Nobody makes up for what was sent while others were away. */
  #startAnew(shares: ReadonlyMap<UplinkView, number>): void {
    const isSame =
      shares.size === this.#sharers.size && [...shares.keys()].every((one) => this.#sharers.has(one));
    if (isSame) return;
    this.#sharers = new Set(shares.keys());
    this.#sent = new Map();
  }
}
