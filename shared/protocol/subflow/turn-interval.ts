import type { Now } from '../now.ts';

/** Further apart they say that there was nothing to do. */
const MAX_TURN_MS = 200;
const DECAY = 0.98;

/** How far apart the turns are, of late and at most: an event loop that is late reads the kernel's figures, and writes, seldom. */
export class TurnInterval {
  readonly #now: Now;
  #lastMs = Number.NEGATIVE_INFINITY;
  #ms = 0;

  constructor(now: Now) {
    this.#now = now;
  }

  /** There is another turn. @returns how far apart they are, ms */
  next(): number {
    const sinceMs = this.#now.ms - this.#lastMs;
    this.#lastMs = this.#now.ms;
    if (sinceMs < MAX_TURN_MS) this.#ms = Math.max(sinceMs, this.#ms * DECAY);
    return this.#ms;
  }
}
