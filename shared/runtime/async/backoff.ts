export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
  /** So many failures wait no longer than the first: what restarts is back soon. None unless told. */
  readonly steady?: number;
}

/** Jittered exponential back-off: each failure doubles the ceiling, and the wait is drawn from its upper half. */
export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;
  #failures = 0;

  /** @param random uniform in [0, 1) */
  constructor(bounds: BackoffBounds, random: () => number) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** Whether nothing has failed since the last success. */
  get isFresh(): boolean {
    return this.#failures === 0;
  }

  /** The wait before the next attempt, in milliseconds. */
  nextMs(): number {
    const { minMs, maxMs, steady = 0 } = this.#bounds;
    const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.max(0, this.#failures - steady));
    this.#failures = Math.min(this.#failures + 1, MAX_DOUBLINGS);
    return ceilingMs * (0.5 + this.#random() / 2);
  }

  succeed(): void {
    this.#failures = 0;
  }
}

/** Enough to get from any sensible minimum to any sensible maximum. */
const MAX_DOUBLINGS = 20;
