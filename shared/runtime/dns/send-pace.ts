import type { MonotonicClock } from '../clock.ts';

/** A name server reads a question in some ten microseconds. */
const SENDS_PER_MS = 16;
/** At once, after a pause: a quarter of what a socket of a name server takes. */
const MAX_BURST = 64;
const TICK_MS = 1;

/**
 * Spreads questions to name servers over time: a socket there takes some 250 that wait, and what comes beyond is lost, which costs
 * half a second. As many wait as their callers ask.
 */
export class SendPace {
  readonly #clock: MonotonicClock;
  readonly #waiting = new Set<() => void>();
  #left = MAX_BURST;
  #refilledMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
    this.#refilledMs = clock();
  }

  /** Calls `send` now or soon. @returns gives it up */
  run(send: () => void): () => void {
    this.#timer ??= setTimeout(() => this.#tick(), TICK_MS);
    if (this.#left > 0) {
      this.#left--;
      send();
    } else {
      this.#waiting.add(send);
    }
    return () => void this.#waiting.delete(send);
  }

  #tick(): void {
    const nowMs = this.#clock();
    const elapsedMs = Math.max(TICK_MS, nowMs - this.#refilledMs);
    this.#refilledMs = nowMs;
    this.#left = Math.min(MAX_BURST, this.#left + Math.ceil(elapsedMs * SENDS_PER_MS));
    this.#timer = undefined;
    for (const send of this.#waiting) {
      if (this.#left === 0) break;
      this.#left--;
      this.#waiting.delete(send);
      send();
    }
    // Until there is nothing to refill either.
    const isFull = this.#left === MAX_BURST && this.#waiting.size === 0;
    if (!isFull) this.#timer ??= setTimeout(() => this.#tick(), TICK_MS);
  }
}
