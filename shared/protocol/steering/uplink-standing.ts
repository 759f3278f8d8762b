import { FIRST_RETURN_MS, MAX_RETURN_MS, RETURN_MEMORY_MS } from '../tunables.ts';

/**
 * Whether an uplink that was left because it had become bad may be used again: once it has been good without a break for a
 * while, which is longer each time it turns bad again soon. So nothing goes back and forth with an uplink that does.
 */
export class UplinkStanding {
  #isLeft = false;
  #goodSinceMs: number | undefined;
  #returnMs = FIRST_RETURN_MS;
  #returnedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param isBad it must be left
   * @param isGood it could be used again; neither of both between the two limits
   * @returns whether it is left
   */
  update(isBad: boolean, isGood: boolean, nowMs: number): boolean {
    if (!this.#isLeft) {
      if (isBad) this.#leave(nowMs);
    } else if (!isGood) {
      this.#goodSinceMs = undefined;
    } else {
      this.#goodSinceMs ??= nowMs;
      if (nowMs - this.#goodSinceMs >= this.#returnMs) this.#return(nowMs);
    }
    return this.#isLeft;
  }

  #leave(nowMs: number): void {
    this.#isLeft = true;
    this.#goodSinceMs = undefined;
    const isSoon = nowMs - this.#returnedMs < RETURN_MEMORY_MS;
    this.#returnMs = isSoon ? Math.min(this.#returnMs * 2, MAX_RETURN_MS) : FIRST_RETURN_MS;
  }

  #return(nowMs: number): void {
    this.#isLeft = false;
    this.#returnedMs = nowMs;
  }
}
