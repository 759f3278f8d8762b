import type { Now } from '../now.ts';
import { RECENT_RTT_BUCKET_MS } from '../tunables.ts';

/** How fast payload has been arriving of late: over the last one or two spans of RECENT_RTT_BUCKET_MS. */
export class ArrivalRate {
  readonly #now: Now;
  #startMs = 0;
  #bytes = 0;
  #lastBytes = 0;

  constructor(now: Now) {
    this.#now = now;
  }

  add(bytes: number): void {
    this.#roll();
    this.#bytes += bytes;
  }

  bytesPerSecond(): number {
    this.#roll();
    return ((this.#lastBytes + this.#bytes) * 1000) / (RECENT_RTT_BUCKET_MS + this.#now.ms - this.#startMs);
  }

  #roll(): void {
    const ageMs = this.#now.ms - this.#startMs;
    if (ageMs < RECENT_RTT_BUCKET_MS) return;
    const isNext = ageMs < 2 * RECENT_RTT_BUCKET_MS;
    this.#lastBytes = isNext ? this.#bytes : 0;
    this.#startMs = isNext ? this.#startMs + RECENT_RTT_BUCKET_MS : this.#now.ms;
    this.#bytes = 0;
  }
}
