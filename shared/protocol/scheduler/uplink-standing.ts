import type { Now } from '../now.ts';

export interface StandingTuning {
  /** An uplink that was left must have been good for this long before it is used again, */
  readonly firstReturnMs: number;
  /** twice as long each time up to this, */
  readonly maxReturnMs: number;
  /** if it turned bad again within this time. */
  readonly returnMemoryMs: number;
}

export const STANDING_TUNING: StandingTuning = {
  firstReturnMs: 2_000,
  maxReturnMs: 60_000,
  returnMemoryMs: 60_000,
};

/**
 * Whether an uplink that was left because it had become bad may be used again: once it has been good without a break for a
 * while, which is longer each time it turns bad again soon. So nothing goes back and forth with an uplink that does.
 */
export class UplinkStanding {
  readonly #now: Now;
  readonly #tuning: StandingTuning;
  #isLeft = false;
  #goodSinceMs: number | undefined;
  #returnMs: number;
  #returnedMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: StandingTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#returnMs = tuning.firstReturnMs;
  }

  /** As it was last looked at. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  /**
   * @param isBad it must be left
   * @param isGood it could be used again; neither of both between the two limits
   * @returns whether it is left
   */
  update(isBad: boolean, isGood: boolean): boolean {
    if (!this.#isLeft) {
      if (isBad) this.#leave();
    } else if (!isGood) {
      this.#goodSinceMs = undefined;
    } else {
      this.#goodSinceMs ??= this.#now.ms;
      if (this.#now.ms - this.#goodSinceMs >= this.#returnMs) this.#return();
    }
    return this.#isLeft;
  }

  #leave(): void {
    this.#isLeft = true;
    this.#goodSinceMs = undefined;
    const isSoon = this.#now.ms - this.#returnedMs < this.#tuning.returnMemoryMs;
    this.#returnMs = isSoon
      ? Math.min(this.#returnMs * 2, this.#tuning.maxReturnMs)
      : this.#tuning.firstReturnMs;
  }

  #return(): void {
    this.#isLeft = false;
    this.#returnedMs = this.#now.ms;
  }
}
