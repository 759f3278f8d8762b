import {
  MAX_PACE_HOLD_MS,
  MIN_PACE_HOLD_MS,
  PACE_BUSY_SHARE,
  PACE_SPAN_MS,
  PACE_SPANS,
  PACE_WAIT_MS,
} from '../tunables.ts';

/**
 * Who sets the pace of a stream: its application, that writes now and then or at a rate the uplinks carry with ease, so that
 * what waits to be sent is soon gone each time; or the uplinks, as with bulk, where something always waits.
 */
export class StreamPace {
  #state: 'idle' | 'arriving' | 'waiting' = 'idle';
  #waitingSinceMs = 0;
  #spanStartMs = Number.NEGATIVE_INFINITY;
  #busyMs = 0;
  #quietSpans = 0;
  #isPaced = false;
  #holdMs = MIN_PACE_HOLD_MS;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Something is to be sent; its time counts from `onWaiting` on. @returns whether that is news */
  arrive(): boolean {
    if (this.#state !== 'idle') return false;
    this.#state = 'arriving';
    return true;
  }

  onWaiting(nowMs: number): void {
    if (this.#state !== 'arriving') return;
    this.#state = 'waiting';
    this.#waitingSinceMs = nowMs;
    if (this.#spanStartMs === Number.NEGATIVE_INFINITY) this.#spanStartMs = nowMs;
  }

  /** All of it was sent. */
  onDrained(nowMs: number): void {
    if (this.#state === 'waiting') {
      this.#busyMs += nowMs - this.#waitingSinceMs;
      const spanMs = nowMs - this.#spanStartMs;
      if (spanMs >= PACE_SPAN_MS) this.#endSpan(this.#busyMs / spanMs, nowMs);
    }
    this.#state = 'idle';
  }

  /** For how long something has been waiting without a break. */
  waitingMs(nowMs: number): number {
    return this.#state === 'waiting' ? nowMs - this.#waitingSinceMs : 0;
  }

  /** Whether the application sets the pace. It no longer does once something has waited for PACE_WAIT_MS. */
  isPaced(nowMs: number): boolean {
    if (!this.#isPaced) return false;
    if (this.waitingMs(nowMs) <= PACE_WAIT_MS) return true;
    this.#isPaced = false;
    this.#quietSpans = 0;
    this.#notBeforeMs = nowMs + this.#holdMs;
    this.#holdMs = Math.min(this.#holdMs * 2, MAX_PACE_HOLD_MS);
    return false;
  }

  #endSpan(busyShare: number, nowMs: number): void {
    this.#spanStartMs = nowMs;
    this.#busyMs = 0;
    if (busyShare > PACE_BUSY_SHARE || nowMs < this.#notBeforeMs) this.#quietSpans = 0;
    else if (++this.#quietSpans >= PACE_SPANS) this.#isPaced = true;
  }
}
