import type { Now } from '../now.ts';

/** How fast payload has been arriving of late: over the last one or two spans of `spanMs`. */
export class ArrivalRate {
  readonly #now: Now;
  readonly #spanMs: number;
  #startMs = 0;
  #bytes = 0;
  #lastBytes = 0;

  constructor(now: Now, spanMs: number) {
    this.#now = now;
    this.#spanMs = spanMs;
  }

  add(bytes: number): void {
    this.#roll();
    this.#bytes += bytes;
  }

  get bytesPerSecond(): number {
    this.#roll();
    return ((this.#lastBytes + this.#bytes) * 1000) / (this.#spanMs + this.#now.ms - this.#startMs);
  }

  #roll(): void {
    const ageMs = this.#now.ms - this.#startMs;
    if (ageMs < this.#spanMs) return;
    const isNext = ageMs < 2 * this.#spanMs;
    this.#lastBytes = isNext ? this.#bytes : 0;
    this.#startMs = isNext ? this.#startMs + this.#spanMs : this.#now.ms;
    this.#bytes = 0;
  }
}
