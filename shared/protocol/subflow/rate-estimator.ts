import type { Now } from '../now.ts';
import {
  FULL_PIPE_GROWTH,
  FULL_PIPE_ROUNDS,
  MAX_RATE_WINDOW_MS,
  MIN_RATE_WINDOW_MS,
  RATE_WINDOW_ROUNDS,
} from '../tunables.ts';
import type { LedgerEntry } from './ledger.ts';
import { WindowedMaximum } from './windowed-maximum.ts';

/** What the estimator must remember with each frame. */
export type SendState = Pick<
  LedgerEntry,
  'deliveredBytes' | 'deliveredMs' | 'firstSentMs' | 'applicationLimited'
>;

/**
 * Delivery rate of one subflow from its receipts: bytes delivered over the longer of the time in which they were
 * sent and the time in which they were receipted (draft-cheng-iccrg-delivery-rate-estimation, as BBR samples it).
 */
export class RateEstimator {
  readonly #now: Now;
  readonly #maximum: WindowedMaximum;
  #recent = 0;
  #isProven = false;
  #deliveredBytes = 0;
  #deliveredMs = 0;
  #firstSentMs = 0;
  /** Samples of what was sent before this many bytes are delivered say less than the subflow can. */
  #applicationLimitedUntil = -1;
  #roundEndBytes = 0;
  #fullPipeRate = 0;
  #roundsWithoutGrowth = 0;

  constructor(now: Now) {
    this.#now = now;
    this.#maximum = new WindowedMaximum(now);
  }

  /** Largest rate of the last round trips, bytes per second; 0 before the first sample. */
  get bytesPerSecond(): number {
    return this.#maximum.value;
  }

  /** Rate of the last round trip or so, bytes per second: follows a collapse that the maximum hides. */
  get recentBytesPerSecond(): number {
    return this.#recent;
  }

  /** Whether the subflow was ever kept busy, so that the rate says what it can, not what it was asked for. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Whether the rate has stopped growing. */
  get pipeIsFull(): boolean {
    return this.#roundsWithoutGrowth >= FULL_PIPE_ROUNDS;
  }

  onSend(nothingInFlight: boolean): SendState {
    if (nothingInFlight) {
      this.#firstSentMs = this.#now.ms;
      this.#deliveredMs = this.#now.ms;
    }
    return {
      deliveredBytes: this.#deliveredBytes,
      deliveredMs: this.#deliveredMs,
      firstSentMs: this.#firstSentMs,
      // Equal when it was idle: what is sent next is limited, too.
      applicationLimited: this.#applicationLimitedUntil >= this.#deliveredBytes,
    };
  }

  /** There was room for more than the application had. */
  onApplicationLimited(inFlightBytes: number): void {
    this.#applicationLimitedUntil = this.#deliveredBytes + inFlightBytes;
  }

  /** `newest` is the last frame that the receipt covers whole; absent when that says nothing of the path. */
  onReceipt(totalBytes: number, newest: LedgerEntry | undefined, minRttMs: number): void {
    this.#deliveredBytes = totalBytes;
    this.#deliveredMs = this.#now.ms;
    if (newest === undefined) return;
    this.#firstSentMs = newest.sentMs;
    const sendMs = newest.sentMs - newest.firstSentMs;
    const receiptMs = this.#now.ms - newest.deliveredMs;
    const intervalMs = Math.max(sendMs, receiptMs);
    if (intervalMs < minRttMs || intervalMs <= 0) return;
    const sample = ((totalBytes - newest.deliveredBytes) * 1000) / intervalMs;
    if (!newest.applicationLimited) this.#isProven = true;
    if (!newest.applicationLimited || sample > this.#recent) {
      // Up faster than down: while the rate grows, the past lags behind what was just shown.
      const gain = this.#recent === 0 ? 1 : sample > this.#recent ? 1 / 2 : 1 / 4;
      this.#recent += (sample - this.#recent) * gain;
    }
    if (!newest.applicationLimited || sample >= this.#maximum.value) {
      const windowMs = Math.max(MIN_RATE_WINDOW_MS, RATE_WINDOW_ROUNDS * minRttMs);
      this.#maximum.add(sample, Math.min(windowMs, MAX_RATE_WINDOW_MS));
    }
    this.#countRound(newest);
  }

  /** It was seen to deliver so many bytes per second while it was busy. */
  prove(bytesPerSecond: number): void {
    this.#recent = bytesPerSecond;
    this.#maximum.add(bytesPerSecond, MAX_RATE_WINDOW_MS);
    this.#isProven = true;
  }

  /** The path is not what it was: measure anew. */
  restart(): void {
    this.#maximum.reset();
    this.#recent = 0;
    this.#isProven = false;
    this.#fullPipeRate = 0;
    this.#roundsWithoutGrowth = 0;
  }

  #countRound(newest: LedgerEntry): void {
    if (newest.deliveredBytes < this.#roundEndBytes) return;
    this.#roundEndBytes = this.#deliveredBytes;
    if (newest.applicationLimited) return;
    if (this.#maximum.value >= this.#fullPipeRate * FULL_PIPE_GROWTH) {
      this.#fullPipeRate = this.#maximum.value;
      this.#roundsWithoutGrowth = 0;
    } else {
      this.#roundsWithoutGrowth++;
    }
  }
}
