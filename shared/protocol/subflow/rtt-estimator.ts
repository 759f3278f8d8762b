import type { Now } from '../now.ts';
import { FIRST_RTT_MS, MIN_RTT_WINDOW_MS, RECENT_RTT_BUCKET_MS } from '../tunables.ts';

/** Smoothed round trip time of one subflow (RFC 6298 section 2), and its minimum over a long window. */
export class RttEstimator {
  readonly #now: Now;
  #smoothedMs: number | undefined;
  #varianceMs = FIRST_RTT_MS / 2;
  #minMs = Number.POSITIVE_INFINITY;
  #minAtMs = 0;
  #bucketMs = Number.POSITIVE_INFINITY;
  #lastBucketMs = Number.POSITIVE_INFINITY;
  #bucketStartMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now) {
    this.#now = now;
  }

  /** Until there is a sample, all others are a guess. */
  get isMeasured(): boolean {
    return this.#smoothedMs !== undefined;
  }

  get smoothedMs(): number {
    return this.#smoothedMs ?? FIRST_RTT_MS;
  }

  get varianceMs(): number {
    return this.#varianceMs;
  }

  get minMs(): number {
    return this.#minMs === Number.POSITIVE_INFINITY ? FIRST_RTT_MS : this.#minMs;
  }

  /** The smallest round trip time of the last RECENT_RTT_BUCKET_MS or two: the path as it is now, its queue included. */
  get recentMinMs(): number {
    const recent = Math.min(this.#bucketMs, this.#lastBucketMs);
    return recent === Number.POSITIVE_INFINITY ? this.minMs : recent;
  }

  /** Forgets the minima: the path may have changed. */
  restart(): void {
    this.#minMs = Number.POSITIVE_INFINITY;
    this.#bucketMs = Number.POSITIVE_INFINITY;
    this.#lastBucketMs = Number.POSITIVE_INFINITY;
  }

  addSample(rttMs: number): void {
    const sample = Math.max(rttMs, 0.01);
    if (sample <= this.#minMs || this.#now.ms - this.#minAtMs > MIN_RTT_WINDOW_MS) {
      this.#minMs = sample;
      this.#minAtMs = this.#now.ms;
    }
    if (this.#now.ms - this.#bucketStartMs > RECENT_RTT_BUCKET_MS) {
      this.#lastBucketMs = this.#bucketMs;
      this.#bucketMs = Number.POSITIVE_INFINITY;
      this.#bucketStartMs = this.#now.ms;
    }
    this.#bucketMs = Math.min(this.#bucketMs, sample);
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = sample;
      this.#varianceMs = sample / 2;
      return;
    }
    this.#varianceMs += (Math.abs(this.#smoothedMs - sample) - this.#varianceMs) / 4;
    this.#smoothedMs += (sample - this.#smoothedMs) / 8;
  }
}
