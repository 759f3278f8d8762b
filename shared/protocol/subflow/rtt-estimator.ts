import type { Now } from '../now.ts';

export interface RttTuning {
  /** The minimal round trip time is forgotten after this long, since routes change. */
  readonly minimumWindowMs: number;
  /** The path as it is now is judged by the last one or two spans of this length: a few round trips of most uplinks. */
  readonly recentSpanMs: number;
  /** Assumed before the first measurement. */
  readonly firstMs: number;
}

export const RTT_TUNING: RttTuning = { minimumWindowMs: 60_000, recentSpanMs: 250, firstMs: 100 };

/** Smoothed round trip time of one subflow (RFC 6298 section 2), and its minimum over a long window. */
export class RttEstimator {
  readonly #now: Now;
  readonly #tuning: RttTuning;
  #smoothedMs: number | undefined;
  #varianceMs: number;
  #latestMs: number;
  #minMs = Number.POSITIVE_INFINITY;
  #minAtMs = 0;
  #spanMs = Number.POSITIVE_INFINITY;
  #lastSpanMs = Number.POSITIVE_INFINITY;
  #spanStartMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: RttTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#varianceMs = tuning.firstMs / 2;
    this.#latestMs = tuning.firstMs;
  }

  /** Until there is a sample, all others are a guess. */
  get isMeasured(): boolean {
    return this.#smoothedMs !== undefined;
  }

  /** The last sample. */
  get latestMs(): number {
    return this.#latestMs;
  }

  get smoothedMs(): number {
    return this.#smoothedMs ?? this.#tuning.firstMs;
  }

  get varianceMs(): number {
    return this.#varianceMs;
  }

  get minMs(): number {
    return this.#minMs === Number.POSITIVE_INFINITY ? this.#tuning.firstMs : this.#minMs;
  }

  /** The smallest round trip time of the last span or two: the path as it is now, its queue included. */
  get recentMinMs(): number {
    const recent = Math.min(this.#spanMs, this.#lastSpanMs);
    return recent === Number.POSITIVE_INFINITY ? this.minMs : recent;
  }

  /** Forgets the minima: the path may have changed. */
  restart(): void {
    this.#minMs = Number.POSITIVE_INFINITY;
    this.restartRecent();
  }

  /** Forgets what the path was of late: from now on `recentMinMs` tells how it is behind a pause. */
  restartRecent(): void {
    this.#spanMs = Number.POSITIVE_INFINITY;
    this.#lastSpanMs = Number.POSITIVE_INFINITY;
  }

  addSample(rttMs: number): void {
    const nowMs = this.#now.ms;
    const sample = Math.max(rttMs, LEAST_SAMPLE_MS);
    this.#latestMs = sample;
    if (sample <= this.#minMs || nowMs - this.#minAtMs > this.#tuning.minimumWindowMs) {
      this.#minMs = sample;
      this.#minAtMs = nowMs;
    }
    if (nowMs - this.#spanStartMs > this.#tuning.recentSpanMs) {
      this.#lastSpanMs = this.#spanMs;
      this.#spanMs = Number.POSITIVE_INFINITY;
      this.#spanStartMs = nowMs;
    }
    this.#spanMs = Math.min(this.#spanMs, sample);
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = sample;
      this.#varianceMs = sample / 2;
      return;
    }
    this.#varianceMs += (Math.abs(this.#smoothedMs - sample) - this.#varianceMs) / 4;
    this.#smoothedMs += (sample - this.#smoothedMs) / 8;
  }
}

/** Clocks and the reported delays of receipts can give less, even below zero. */
const LEAST_SAMPLE_MS = 0.01;
