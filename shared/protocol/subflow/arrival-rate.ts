import { RECENT_RTT_BUCKET_MS } from '../tunables.ts';

/** How fast payload has been arriving of late: over the last one or two spans of RECENT_RTT_BUCKET_MS. */
export class ArrivalRate {
  #startMs = 0;
  #bytes = 0;
  #lastBytes = 0;

  add(bytes: number, nowMs: number): void {
    this.#roll(nowMs);
    this.#bytes += bytes;
  }

  bytesPerSecond(nowMs: number): number {
    this.#roll(nowMs);
    return ((this.#lastBytes + this.#bytes) * 1000) / (RECENT_RTT_BUCKET_MS + nowMs - this.#startMs);
  }

  #roll(nowMs: number): void {
    const ageMs = nowMs - this.#startMs;
    if (ageMs < RECENT_RTT_BUCKET_MS) return;
    const isNext = ageMs < 2 * RECENT_RTT_BUCKET_MS;
    this.#lastBytes = isNext ? this.#bytes : 0;
    this.#startMs = isNext ? this.#startMs + RECENT_RTT_BUCKET_MS : nowMs;
    this.#bytes = 0;
  }
}
