import type { Now } from '../now.ts';

export interface FlapTuning {
  /** A subflow that was doubted again and again waits so long before it gets data, twice as long each time, */
  readonly penaltyMs: number;
  /** up to this. */
  readonly maxPenaltyMs: number;
  /** One that carried data for this long has its flaps forgiven: radios pause every few seconds, and are worth it. */
  readonly memoryMs: number;
}

export const FLAP_TUNING: FlapTuning = { penaltyMs: 50, maxPenaltyMs: 5_000, memoryMs: 1_500 };

/** Makes a subflow that is doubted again and again wait longer each time before it gets data. */
export class FlapDamper {
  readonly #now: Now;
  readonly #tuning: FlapTuning;
  #flaps = 0;
  #readyMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: FlapTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  /** When the subflow may get data again. */
  get readyMs(): number {
    return this.#readyMs;
  }

  onDoubt(): void {
    if (this.#now.ms - this.#readyMs > this.#tuning.memoryMs) this.#flaps = 0;
    this.#flaps++;
  }

  /** The first two are forgiven. */
  onRecover(): void {
    const penaltyMs = this.#flaps <= 2 ? 0 : this.#tuning.penaltyMs * 2 ** Math.min(this.#flaps - 3, 10);
    this.#readyMs = this.#now.ms + Math.min(penaltyMs, this.#tuning.maxPenaltyMs);
  }
}
