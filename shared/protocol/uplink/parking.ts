import type { Now } from '../now.ts';

export interface ParkingTuning {
  /** An uplink that did harm is left out for so long, twice as long each time it does so again soon, */
  readonly minParkMs: number;
  /** up to this. One whose trial has shown no harm is left alone for as long. */
  readonly maxParkMs: number;
  /** One that behaved for this long has its past forgiven. */
  readonly memoryMs: number;
}

export const PARKING_TUNING: ParkingTuning = { minParkMs: 5_000, maxParkMs: 60_000, memoryMs: 60_000 };

/** Whether one uplink is left out since it holds up the others, until when, and what is remembered of earlier times. */
export class Parking {
  readonly #now: Now;
  readonly #tuning: ParkingTuning;
  #untilMs: number | undefined;
  /** For how long it is parked when it does harm now. */
  #nextParkMs: number;
  #releasedMs = Number.NEGATIVE_INFINITY;
  #clearedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: ParkingTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#nextParkMs = tuning.minParkMs;
  }

  get isParked(): boolean {
    return this.#untilMs !== undefined;
  }

  /** Whether its time is over, so that it is to be tried again. */
  get isOver(): boolean {
    return this.#untilMs !== undefined && this.#now.ms >= this.#untilMs;
  }

  /** A trial without it has lately shown that it does no harm. */
  get isCleared(): boolean {
    return this.#now.ms < this.#clearedUntilMs;
  }

  /** Leaves it out. @param leastMs for at least so long: until a trial is over */
  park(leastMs: number): void {
    if (!this.#isRemembered) this.#nextParkMs = this.#tuning.minParkMs;
    this.#untilMs = this.#now.ms + Math.max(this.#nextParkMs, leastMs);
  }

  /** The trial has shown that it does harm: it stays parked for its whole time. */
  confirm(): void {
    this.#untilMs = this.#now.ms + this.#nextParkMs;
  }

  /** It is tried again. Should it do harm again soon, it is parked for longer. */
  release(): void {
    this.#untilMs = undefined;
    this.#releasedMs = this.#now.ms;
    this.#nextParkMs = Math.min(this.#nextParkMs * 2, this.#tuning.maxParkMs);
  }

  /** The trial has shown no harm. */
  clear(): void {
    this.#untilMs = undefined;
    this.#clearedUntilMs = this.#now.ms + this.#tuning.maxParkMs;
  }

  get #isRemembered(): boolean {
    return this.#now.ms - this.#releasedMs < this.#tuning.memoryMs;
  }
}
