import type { Now } from '../now.ts';

export interface PathTuning {
  /** A subflow that was doubted, and whose round trip is now above this multiple of what it was, */
  readonly degradedRtt: number;
  /** and this much more, is degraded, */
  readonly degradedSlackMs: number;
  /** for so long after it came back; then the path is taken for another one, that is as it is. */
  readonly degradedMs: number;
  /** What was stuck tells the rate when it takes this long to arrive, several receipts, */
  readonly minDrainMs: number;
  /** and is at least this much. */
  readonly minDrainBytes: number;
}

export const PATH_TUNING: PathTuning = {
  degradedRtt: 2,
  degradedSlackMs: 50,
  degradedMs: 60_000,
  minDrainMs: 20,
  minDrainBytes: 8 * 1024,
};

/**
 * What is known of a subflow's path after a doubt: it may be another one. Bytes are counted as in the ledger, from the subflow's
 * beginning.
 */
export class PathKnowledge {
  readonly #now: Now;
  readonly #tuning: PathTuning;
  /** `stuck`: what was under way has not arrived; `rate`: it has, and told the rate; `all`: its round trip, too. */
  #known: 'stuck' | 'nothing' | 'rate' | 'all' = 'all';
  /** What was written by then was stuck, arrives in a burst, and its receipts say nothing of the path. -1: there was no doubt yet. */
  #stuckBytes = -1;
  /** What was written by then waited for the end of a doubt without a better place, and says nothing of the path either. */
  #keptBytes = -1;
  #recoveredMs = 0;
  #recoveredBytes = 0;
  /** The smallest round trip before the doubt, which it is measured by until #degradedUntilMs. */
  #usualRttMs = Number.POSITIVE_INFINITY;
  #degradedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: PathTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  /** Whether its round trip was measured since the last doubt. */
  get isMeasured(): boolean {
    return this.#known === 'all';
  }

  get wasDoubted(): boolean {
    return this.#stuckBytes >= 0;
  }

  onDoubt(minRttMs: number): void {
    if (this.#now.ms >= this.#degradedUntilMs) this.#usualRttMs = minRttMs;
  }

  onRecover(receiptedBytes: number, writtenBytes: number): void {
    this.#known = 'stuck';
    this.#stuckBytes = writtenBytes;
    this.#recoveredMs = this.#now.ms;
    this.#recoveredBytes = receiptedBytes;
    this.#degradedUntilMs = this.#now.ms + this.#tuning.degradedMs;
  }

  /** It is doubted, and what is under way stays on it. */
  onKept(): void {
    // What was stuck drains no more without a break, and so tells no rate.
    if (this.#known === 'stuck') this.#known = 'nothing';
    this.#keptBytes = Number.POSITIVE_INFINITY;
  }

  /** Such a doubt is over; the path is taken for what it was. */
  onKeptEnd(writtenBytes: number): void {
    this.#keptBytes = writtenBytes;
  }

  /** Behind a pause it is a much longer path than the one that had `usualRttMs`: degraded, as behind any other doubt. */
  onLonger(usualRttMs: number): void {
    this.onDoubt(usualRttMs);
    this.#degradedUntilMs = this.#now.ms + this.#tuning.degradedMs;
  }

  /** Whether receipts of what ends there say something of the path as it is. */
  isTelling(endOffset: number): boolean {
    return endOffset > Math.max(this.#stuckBytes, this.#keptBytes);
  }

  /**
   * All of these bytes have arrived.
   * @returns bytes per second, once, when what was stuck has drained and kept the path busy meanwhile
   */
  onArrived(bytes: number): number | undefined {
    if (bytes < this.#stuckBytes) return undefined;
    const bytesPerSecond = this.drainBytesPerSecond(bytes);
    if (this.#known === 'stuck') this.#known = bytesPerSecond === undefined ? 'nothing' : 'rate';
    return bytesPerSecond;
  }

  /**
   * @param bytes have arrived in all
   * @returns how fast what was stuck arrives since; undefined when all of it has, and while too little has to tell
   */
  drainBytesPerSecond(bytes: number): number | undefined {
    if (this.#known !== 'stuck') return undefined;
    const drainedBytes = Math.min(bytes, this.#stuckBytes) - this.#recoveredBytes;
    const drainMs = this.#now.ms - this.#recoveredMs;
    const isTelling = drainedBytes >= this.#tuning.minDrainBytes && drainMs >= this.#tuning.minDrainMs;
    return isTelling ? (drainedBytes * 1000) / drainMs : undefined;
  }

  /**
   * A round trip of something that tells.
   * @returns whether it was that behind the queue of a slow path, too long, and to be measured once more
   */
  onRoundTrip(recentRttMs: number, writtenBytes: number): boolean {
    const isQueue = this.#known === 'rate' && this.isUnusual(recentRttMs);
    this.#known = isQueue ? 'nothing' : 'all';
    if (isQueue) this.#stuckBytes = writtenBytes;
    return isQueue;
  }

  /** Whether the round trip is much longer than before the doubt. */
  isUnusual(rttMs: number): boolean {
    return this.isMuchLonger(rttMs, this.#usualRttMs);
  }

  /** Whether a round trip is so much longer than another that the path must be a different one. */
  isMuchLonger(rttMs: number, usualRttMs: number): boolean {
    return rttMs > this.#tuning.degradedRtt * usualRttMs + this.#tuning.degradedSlackMs;
  }

  isDegraded(recentRttMs: number): boolean {
    return this.#now.ms < this.#degradedUntilMs && (!this.isMeasured || this.isUnusual(recentRttMs));
  }
}
