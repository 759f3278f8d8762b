import { FLAP_MEMORY_MS, FLAP_PENALTY_MS, MAX_FLAP_PENALTY_MS } from '../tunables.ts';

/** Makes a subflow that is doubted again and again wait longer each time before it gets data. */
export class FlapDamper {
  #flaps = 0;
  #readyMs = Number.NEGATIVE_INFINITY;

  /** When the subflow may get data again. */
  get readyMs(): number {
    return this.#readyMs;
  }

  onDoubt(nowMs: number): void {
    if (nowMs - this.#readyMs > FLAP_MEMORY_MS) this.#flaps = 0;
    this.#flaps++;
  }

  /** The first two are forgiven. */
  onRecover(nowMs: number): void {
    const penaltyMs = this.#flaps <= 2 ? 0 : FLAP_PENALTY_MS * 2 ** Math.min(this.#flaps - 3, 10);
    this.#readyMs = nowMs + Math.min(penaltyMs, MAX_FLAP_PENALTY_MS);
  }
}
