import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { WEIGHTED_SLACK_BYTES } from '../tunables.ts';
import { least, type PacketScheduler, type SegmentRequest, type SubflowView } from './scheduler.ts';
import { freeOn } from './uplink-order.ts';

/**
 * `weighted`: bytes by share, whatever the uplinks could carry; the one that is slowest for its share sets the pace. The
 * shares are those of the uplinks that work; if no uplink with a share does, the others stand in, all alike.
 */
export class Weighted implements PacketScheduler {
  readonly #weights: ReadonlyMap<string, number>;
  /** Bytes given to each uplink since the set of those that work changed. */
  #sent = new Map<string, number>();
  #sharers: string | undefined;

  constructor({ weights = {} }: SteeringPolicy) {
    this.#weights = new Map(Object.entries(weights).filter(([, weight]) => weight > 0));
  }

  select<View extends SubflowView>(
    request: SegmentRequest,
    candidates: readonly View[],
    nowMs: number,
  ): View | undefined {
    const shares = this.#shares(candidates);
    this.#startAnew(shares);
    const total = [...this.#sent.values()].reduce((sum, bytes) => sum + bytes, 0);
    const leadBytes = (name: string) => (this.#sent.get(name) ?? 0) - total * shares.get(name)!;
    const free = [...shares.keys()].filter((name) => freeOn(name, candidates, request, nowMs) !== undefined);
    const next = least(free, leadBytes);
    if (next === undefined || leadBytes(next) > WEIGHTED_SLACK_BYTES) return undefined;
    return freeOn(next, candidates, request, nowMs);
  }

  onSent({ uplinkName }: SubflowView, bytes: number): void {
    this.#sent.set(uplinkName, (this.#sent.get(uplinkName) ?? 0) + bytes);
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
