import type { Now } from '../now.ts';
import type { SendState } from './send-state.ts';
import { WindowedMaximum } from './windowed-maximum.ts';

export interface RateTuning {
  /** The delivery rate is the largest sample of so many round trips, */
  readonly windowRounds: number;
  /** and at least of this time, */
  readonly minWindowMs: number;
  /** and at most of this: an uplink that has collapsed must not be trusted for long on its past. */
  readonly maxWindowMs: number;
  /** The pipe counts as full after so many round trips without this growth of the rate (BBR). */
  readonly fullPipeRounds: number;
  readonly fullPipeGrowth: number;
}

export const RATE_TUNING: RateTuning = {
  windowRounds: 10,
  minWindowMs: 300,
  maxWindowMs: 3_000,
  fullPipeRounds: 3,
  fullPipeGrowth: 1.25,
};

/**
 * Delivery rate of one subflow from its receipts: bytes delivered over the longer of the time in which they were
 * sent and the time in which they were receipted (draft-cheng-iccrg-delivery-rate-estimation, as BBR samples it).
 */
export class RateEstimator {
  readonly #now: Now;
  readonly #tuning: RateTuning;
  readonly #maximum: WindowedMaximum;
  #recent = 0;
  #isProven = false;
  #deliveredBytes = 0;
  #deliveredMs = 0;
  #firstSentMs = 0;
  /** When the last pause ended. */
  #resumedMs = Number.NEGATIVE_INFINITY;
  /**
   * Samples of what was sent before this many bytes are delivered say less than the subflow can. So does what is sent before anything is:
   * a single short frame would prove a rate of next to nothing.
   */
  #applicationLimitedUntil = 0;
  #roundEndBytes = 0;
  #fullPipeRate = 0;
  #roundsWithoutGrowth = 0;

  constructor(now: Now, tuning: RateTuning) {
    this.#now = now;
    this.#tuning = tuning;
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
    return this.#roundsWithoutGrowth >= this.#tuning.fullPipeRounds;
  }

  onSend(nothingInFlight: boolean): SendState {
    if (nothingInFlight) {
      this.#firstSentMs = this.#now.ms;
      this.#deliveredMs = this.#now.ms;
    }
    return {
      sentMs: this.#now.ms,
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
  onReceipt(totalBytes: number, newest: SendState | undefined, minRttMs: number): void {
    this.#deliveredBytes = totalBytes;
    this.#deliveredMs = this.#now.ms;
    if (newest === undefined) return;
    this.#firstSentMs = newest.sentMs;
    if (Math.min(newest.firstSentMs, newest.deliveredMs) < this.#resumedMs) return;
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
      const { windowRounds, minWindowMs, maxWindowMs } = this.#tuning;
      this.#maximum.add(sample, Math.min(Math.max(minWindowMs, windowRounds * minRttMs), maxWindowMs));
    }
    this.#countRound(newest);
  }

  /** It was seen to deliver so many bytes per second while it was busy. */
  prove(bytesPerSecond: number): void {
    this.#recent = bytesPerSecond;
    this.#maximum.add(bytesPerSecond, this.#tuning.maxWindowMs);
    this.#isProven = true;
  }

  /** A pause of the path has ended: it ages nothing, and no sample that reaches back into it counts. */
  resume(pauseMs: number): void {
    this.#maximum.postpone(pauseMs);
    this.#resumedMs = this.#now.ms;
  }

  /** The path is not what it was: measure anew. */
  restart(): void {
    this.#maximum.reset();
    this.#recent = 0;
    this.#isProven = false;
    this.#resumedMs = Number.NEGATIVE_INFINITY;
    this.#fullPipeRate = 0;
    this.#roundsWithoutGrowth = 0;
  }

  #countRound(newest: SendState): void {
    if (newest.deliveredBytes < this.#roundEndBytes) return;
    this.#roundEndBytes = this.#deliveredBytes;
    if (newest.applicationLimited) return;
    if (this.#maximum.value >= this.#fullPipeRate * this.#tuning.fullPipeGrowth) {
      this.#fullPipeRate = this.#maximum.value;
      this.#roundsWithoutGrowth = 0;
    } else {
      this.#roundsWithoutGrowth++;
    }
  }
}
