import type { Now } from '../now.ts';

export interface PaceTuning {
  /** A stream is paced by its application if something waited for less than this share of the time, */
  readonly busyShare: number;
  /** in so many stretches of this length, one after the other: bulk that begins slowly is not. */
  readonly spans: number;
  readonly spanMs: number;
  /** It falls behind when something has waited for this long: a burst at four times the mean rate has left by then. */
  readonly waitMs: number;
  /** One that fell behind is not held to one uplink for so long, twice as long each time up to the maximum: restraint has cost it time. */
  readonly minHoldMs: number;
  readonly maxHoldMs: number;
}

export const PACE_TUNING: PaceTuning = {
  busyShare: 0.5,
  spans: 2,
  spanMs: 1_000,
  waitMs: 100,
  minHoldMs: 10_000,
  maxHoldMs: 160_000,
};

/**
 * Who sets the pace of a stream: its application, that writes now and then or at a rate the uplinks carry with ease, so that
 * what waits to be sent is soon gone each time; or the uplinks, as with bulk, where something always waits.
 */
export class StreamPace {
  readonly #now: Now;
  readonly #tuning: PaceTuning;
  /** Undefined while all that was accepted is sent. */
  #waitingSinceMs: number | undefined;
  #spanStartMs = Number.NEGATIVE_INFINITY;
  #busyMs = 0;
  #quietSpans = 0;
  #isPaced = false;
  #holdMs: number;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: PaceTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#holdMs = tuning.minHoldMs;
  }

  /** Something is to be sent. */
  onFilled(): void {
    if (this.#waitingSinceMs !== undefined) return;
    this.#waitingSinceMs = this.#now.ms;
    if (this.#spanStartMs === Number.NEGATIVE_INFINITY) this.#spanStartMs = this.#now.ms;
  }

  /** All of it was sent. */
  onDrained(): void {
    if (this.#waitingSinceMs === undefined) return;
    this.#busyMs += this.#now.ms - this.#waitingSinceMs;
    this.#waitingSinceMs = undefined;
    const spanMs = this.#now.ms - this.#spanStartMs;
    if (spanMs >= this.#tuning.spanMs) this.#endSpan(this.#busyMs / spanMs);
  }

  /** For how long something has been waiting without a break. */
  get waitingMs(): number {
    return this.#waitingSinceMs === undefined ? 0 : this.#now.ms - this.#waitingSinceMs;
  }

  /** Whether the application sets the pace. It no longer does once something has waited for too long. */
  isPaced(): boolean {
    if (!this.#isPaced) return false;
    if (this.waitingMs <= this.#tuning.waitMs) return true;
    this.#isPaced = false;
    this.#quietSpans = 0;
    this.#notBeforeMs = this.#now.ms + this.#holdMs;
    this.#holdMs = Math.min(this.#holdMs * 2, this.#tuning.maxHoldMs);
    return false;
  }

  #endSpan(busyShare: number): void {
    this.#spanStartMs = this.#now.ms;
    this.#busyMs = 0;
    if (busyShare > this.#tuning.busyShare || this.#now.ms < this.#notBeforeMs) this.#quietSpans = 0;
    else if (++this.#quietSpans >= this.#tuning.spans) this.#isPaced = true;
  }
}
