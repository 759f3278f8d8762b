import { freeOn, least } from '../../scheduler/delivery-time.ts';
import type { ModeContext } from '../../scheduler/mode-context.ts';
import type { PacketScheduler, Segment, SegmentRequest } from '../../scheduler/packet-scheduler.ts';
import type { SubflowView } from '../../subflow/subflow-view.ts';

export interface WeightedTuning {
  /** No uplink is ahead of its share by more than this. Enough for a turn of the fastest, little beside a bulk transfer. */
  readonly slackBytes: number;
}

export const WEIGHTED_TUNING: WeightedTuning = { slackBytes: 128 * 1024 };

/**
 * `weighted`: bytes by share, whatever the uplinks could carry; the one that is slowest for its share sets the pace. The
 * shares are those of the uplinks that work; if no uplink with a share does, the others stand in, all alike.
 */
export class Weighted implements PacketScheduler {
  readonly #tuning: WeightedTuning;
  readonly #weights: ReadonlyMap<string, number>;
  /** Bytes given to each uplink since the set of those that work changed. */
  #sent = new Map<string, number>();
  #sharers: string | undefined;

  constructor({ policy }: ModeContext, tuning: WeightedTuning) {
    this.#tuning = tuning;
    this.#weights = new Map(Object.entries(policy.weights ?? {}).filter(([, weight]) => weight > 0));
  }

  select<View extends SubflowView>(request: SegmentRequest, candidates: readonly View[]): View | undefined {
    const shares = this.#shares(candidates);
    this.#startAnew(shares);
    const total = [...this.#sent.values()].reduce((sum, bytes) => sum + bytes, 0);
    const leadBytes = (name: string) => (this.#sent.get(name) ?? 0) - total * shares.get(name)!;
    const free = [...shares.keys()].filter((name) => freeOn(name, candidates, request) !== undefined);
    const next = least(free, leadBytes);
    if (next === undefined || leadBytes(next) > this.#tuning.slackBytes) return undefined;
    return freeOn(next, candidates, request);
  }

  onSent({ uplinkName }: SubflowView, { length }: Segment): void {
    this.#sent.set(uplinkName, (this.#sent.get(uplinkName) ?? 0) + length);
  }

  /** Copies would shift the shares. */
  mayCopy(): boolean {
    return false;
  }

  /** The share of each uplink, 1 in all. */
  #shares(candidates: readonly SubflowView[]): ReadonlyMap<string, number> {
    const names = [...new Set(candidates.map(({ uplinkName }) => uplinkName))];
    const weighted = names.filter((name) => this.#weights.has(name));
    const sharers = weighted.length > 0 ? weighted : names;
    const weightOf = (name: string) => this.#weights.get(name) ?? 1;
    const sum = sharers.reduce((total, name) => total + weightOf(name), 0);
    return new Map(sharers.map((name) => [name, weightOf(name) / sum]));
  }

  /** Nobody makes up for what was sent while others were away. */
  #startAnew(shares: ReadonlyMap<string, number>): void {
    const sharers = [...shares.keys()].sort().join();
    if (sharers === this.#sharers) return;
    this.#sharers = sharers;
    this.#sent = new Map();
  }
}
