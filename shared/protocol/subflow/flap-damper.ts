import type { Now } from '../now.ts';
import { FLAP_MEMORY_MS, FLAP_PENALTY_MS, MAX_FLAP_PENALTY_MS } from '../tunables.ts';

/** Makes a subflow that is doubted again and again wait longer each time before it gets data. */
export class FlapDamper {
  readonly #now: Now;
  #flaps = 0;
  #readyMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now) {
    this.#now = now;
  }

  /** When the subflow may get data again. */
  get readyMs(): number {
    return this.#readyMs;
  }

  onDoubt(): void {
    if (this.#now.ms - this.#readyMs > FLAP_MEMORY_MS) this.#flaps = 0;
    this.#flaps++;
  }

  /** The first two are forgiven. */
  onRecover(): void {
    const penaltyMs = this.#flaps <= 2 ? 0 : FLAP_PENALTY_MS * 2 ** Math.min(this.#flaps - 3, 10);
    this.#readyMs = this.#now.ms + Math.min(penaltyMs, MAX_FLAP_PENALTY_MS);
  }
}
