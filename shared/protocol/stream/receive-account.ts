import { STEP_BYTES } from '../memory/footprint.ts';
import { KEPT_SHARE, type MemoryBudget } from '../memory-budget.ts';

/**
 * What the receiving half of one stream has taken from its session's budget: what its window promises beyond the floor, or
 * what it keeps, whichever is more. The floor itself is promised to every stream and taken only as far as it is used.
 */
export class ReceiveAccount {
  readonly #budget: MemoryBudget;
  #promisedBytes = 0;
  #takenBytes = 0;
  #isClosed = false;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** What is free below this share of each level. */
  freeBytes(share: number): number {
    return this.#budget.freeBytes(share);
  }

  /** Whether memory is so short that little should be promised. */
  get isTight(): boolean {
    return this.#budget.isTight;
  }

  /** The window promises so much from now on, where that is free below this share of each level. */
  tryPromise(bytes: number, share: number): boolean {
    if (this.#isClosed || !this.#budget.tryTake(Math.max(0, bytes - this.#takenBytes), share)) return false;
    this.#takenBytes = Math.max(this.#takenBytes, bytes);
    this.#promisedBytes = bytes;
    return true;
  }

  /** So much is kept now. @returns false when there is no memory for it: the stream must end */
  keep(bytes: number): boolean {
    if (this.#isClosed) return true;
    const wanted = Math.max(this.#promisedBytes, Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
    if (wanted > this.#takenBytes) {
      if (!this.#budget.tryTake(wanted - this.#takenBytes, KEPT_SHARE)) return false;
    } else if (wanted < this.#takenBytes) {
      this.#budget.give(this.#takenBytes - wanted);
    }
    this.#takenBytes = wanted;
    return true;
  }

  /** Gives everything back. */
  close(): void {
    this.#isClosed = true;
    this.#budget.give(this.#takenBytes);
    this.#takenBytes = 0;
  }
}
