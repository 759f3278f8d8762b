import type { MonotonicClock } from '../clock.ts';

/** How often something may happen. */
export interface Rate {
  readonly perSecond: number;
  /** Most that may happen at once after a pause. */
  readonly burst: number;
}

/** Bounds how often something happens: each takes a token, and tokens come at the rate. It is full at first. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: MonotonicClock;
  #tokens: number;
  #refilledMs: number;

  constructor(rate: Rate, clock: MonotonicClock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#refilledMs = clock();
  }

  /** Takes a token, or so many. @returns false where there are fewer, of which none is taken then */
  tryTake(count = 1): boolean {
    this.#refill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** How many there are now. */
  get available(): number {
    this.#refill();
    return this.#tokens;
  }

  /** Gives back a part of what was taken. */
  giveBack(tokens: number): void {
    this.#refill();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + tokens);
  }

  /** How long until there is a token again, in milliseconds. */
  get waitMs(): number {
    this.#refill();
    return Math.max(0, ((1 - this.#tokens) * 1_000) / this.#rate.perSecond);
  }

  #refill(): void {
    const nowMs = this.#clock();
    const { perSecond, burst } = this.#rate;
    const earned = (Math.max(0, nowMs - this.#refilledMs) * perSecond) / 1_000;
    this.#tokens = Math.min(burst, this.#tokens + earned);
    this.#refilledMs = nowMs;
  }
}
