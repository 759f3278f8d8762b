const LEAST_TIMEOUT_MS = 200;

/**
 * When a kernel sends again what was lost without a trace, in milliseconds: first a tail loss probe (RFC 8985 section 7), then
 * retransmission time-outs as Linux has them (RFC 6298, with 200 ms beyond the smoothed round trip at least), each twice as long as
 * the one before until something is acknowledged.
 */
export class RetransmissionTimer {
  #sinceMs: number;
  #expiries = 0;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Something was acknowledged, or sent while nothing was under way. */
  restart(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#expiries = 0;
  }

  /** It has expired now, and what is sent again may be lost, too. */
  expire(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#expiries++;
  }

  /** The first time from `nowMs` on at which it expires; what it sent before was lost. */
  next(nowMs: number, smoothedRttMs: number): { readonly atMs: number; readonly isProbe: boolean } {
    for (;;) {
      const atMs = this.#sinceMs + this.#intervalMs(smoothedRttMs);
      if (atMs >= nowMs) return { atMs, isProbe: this.#expiries === 0 };
      this.expire(atMs);
    }
  }

  #intervalMs(smoothedRttMs: number): number {
    if (this.#expiries === 0) return 2 * smoothedRttMs;
    return (smoothedRttMs + Math.max(LEAST_TIMEOUT_MS, smoothedRttMs)) * 2 ** (this.#expiries - 1);
  }
}
