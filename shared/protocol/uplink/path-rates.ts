import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { isFull } from './full-subflow.ts';

/** What the subflows of an uplink carried in a stretch of time. */
export interface Rates {
  /** Bytes per millisecond by subflow; those that are new since it began are left out. */
  readonly byId: ReadonlyMap<number, number>;
  readonly sum: number;
  readonly most: number;
  readonly least: number;
}

/** Compares the subflows of one uplink in the direction in which there is more to send than they take. */
export class PathRates {
  readonly #now: Now;
  /** From this share of subflows, or of the peer's use of the uplink, on there is more to send. */
  readonly #busyShare: number;
  #direction: 'up' | 'down' = 'up';
  #sinceMs = 0;
  /** What each had carried then. */
  #before: ReadonlyMap<number, number> = new Map();
  #samples = 0;
  #busySamples = 0;

  constructor(now: Now, busyShare: number) {
    this.#now = now;
    this.#busyShare = busyShare;
  }

  /** Since `begin`. */
  get lastedMs(): number {
    return this.#now.ms - this.#sinceMs;
  }

  /** Whether there was more to send most of the time since `begin`. */
  get isBusy(): boolean {
    return this.#busySamples >= this.#busyShare * this.#samples;
  }

  /** Which direction is busy, if any, is looked at: that one is compared from now on. @returns whether one is */
  choose(active: readonly Subflow[], peerShare: number): boolean {
    const isUpBusy = this.#isUpBusy(active);
    this.#direction = isUpBusy ? 'up' : 'down';
    return isUpBusy || peerShare >= this.#busyShare;
  }

  /** Counts from now on. */
  begin(active: readonly Subflow[]): void {
    this.#sinceMs = this.#now.ms;
    this.#samples = 0;
    this.#busySamples = 0;
    this.#before = new Map(active.map((subflow) => [subflow.id, this.#carriedBytes(subflow)]));
  }

  /** @param peerShare how much of the uplink the peer makes use of, 0 to 1 */
  sample(active: readonly Subflow[], peerShare: number): void {
    this.#samples++;
    const isBusy = this.#direction === 'up' ? this.#isUpBusy(active) : peerShare >= this.#busyShare;
    if (isBusy) this.#busySamples++;
  }

  /** Since `begin`. */
  of(active: readonly Subflow[]): Rates {
    const byId = new Map<number, number>();
    for (const subflow of active) {
      const before = this.#before.get(subflow.id);
      if (before === undefined) continue;
      byId.set(subflow.id, (this.#carriedBytes(subflow) - before) / Math.max(1, this.lastedMs));
    }
    const all = [...byId.values()];
    const sum = all.reduce((total, rate) => total + rate, 0);
    return { byId, sum, most: Math.max(0, ...all), least: Math.min(...all) };
  }

  #isUpBusy(active: readonly Subflow[]): boolean {
    return active.filter(isFull).length >= this.#busyShare * active.length;
  }

  #carriedBytes({ outbox, receipts }: Subflow): number {
    return this.#direction === 'up' ? outbox.ledger.receiptedBytes : receipts.parsedBytes;
  }
}
