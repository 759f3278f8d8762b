import type { Now } from '../now.ts';

export interface StandingTuning {
  /** An uplink that was left must have been good for this long before it is used again, */
  readonly firstReturnMs: number;
  /** twice as long each time up to this, */
  readonly maxReturnMs: number;
  /** if it turned bad again within this time. What was seen longer ago is forgotten, too. */
  readonly returnMemoryMs: number;
}

export const STANDING_TUNING: StandingTuning = {
  firstReturnMs: 2_000,
  maxReturnMs: 60_000,
  returnMemoryMs: 60_000,
};

/**
 * Whether an uplink that was left because it had become bad may be used again: once it has been good for a while, each time that it
 * was looked at; a longer while each time it turns bad again soon. So nothing goes back and forth with an uplink that does.
 */
export class UplinkStanding {
  readonly #now: Now;
  readonly #tuning: StandingTuning;
  #isLeft = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #goodSinceMs: number | undefined;
  #returnMs: number;
  #returnedMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: StandingTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#returnMs = tuning.firstReturnMs;
  }

  /**
   * @param isBad it must be left
   * @param isGood it could be used again; neither of both between the two limits
   * @returns whether it is left
   */
  update(isBad: boolean, isGood: boolean): boolean {
    const wasLeft = this.#wasLeft;
    const isLeft = this.isLeftWith(isBad, isGood);
    if (isLeft && !wasLeft) this.#leave();
    if (!isLeft && wasLeft) this.#returnedMs = this.#now.ms;
    this.#goodSinceMs = isLeft && isGood ? this.#goodFromMs : undefined;
    this.#isLeft = isLeft;
    this.#lookedMs = this.#now.ms;
    return isLeft;
  }

  /** What `update` would find now; that is no look. */
  isLeftWith(isBad: boolean, isGood: boolean): boolean {
    if (!this.#wasLeft) return isBad;
    return !isGood || this.#now.ms - this.#goodFromMs < this.#returnMs;
  }

  /** At the last look, unless that is too long ago to say anything of now. */
  get #wasLeft(): boolean {
    return this.#isLeft && this.#now.ms - this.#lookedMs <= this.#tuning.returnMemoryMs;
  }

  /** If it is good now. */
  get #goodFromMs(): number {
    return this.#goodSinceMs ?? this.#now.ms;
  }

  #leave(): void {
    const isSoon = this.#now.ms - this.#returnedMs < this.#tuning.returnMemoryMs;
    this.#returnMs = isSoon
      ? Math.min(this.#returnMs * 2, this.#tuning.maxReturnMs)
      : this.#tuning.firstReturnMs;
  }
}
