import type { VirtualClock } from '../simulation/clock.ts';

/** The cores of a machine: work is done in the order in which it came, by the core that is free first. */
export class Processor {
  readonly #clock: VirtualClock;
  readonly #freeAtMs: number[];
  /** The longest time that a piece of work had to wait. */
  longestWaitMs = 0;

  constructor(clock: VirtualClock, cores: number) {
    this.#clock = clock;
    this.#freeAtMs = new Array<number>(cores).fill(0);
  }

  /** How long a piece of work that came now would wait. */
  get waitMs(): number {
    return Math.max(0, Math.min(...this.#freeAtMs) - this.#clock.nowMs);
  }

  /** Does work of so many milliseconds, then `done`. */
  work(costMs: number, done: () => void): void {
    const { nowMs } = this.#clock;
    const { waitMs } = this;
    const startMs = nowMs + waitMs;
    const core = this.#freeAtMs.indexOf(Math.min(...this.#freeAtMs));
    this.longestWaitMs = Math.max(this.longestWaitMs, waitMs);
    this.#freeAtMs[core] = startMs + costMs;
    this.#clock.at(startMs + costMs, done);
  }
}
