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

  /** Does work of so many milliseconds, then `done`. */
  work(costMs: number, done: () => void): void {
    const { nowMs } = this.#clock;
    const core = this.#freeAtMs.indexOf(Math.min(...this.#freeAtMs));
    const startMs = Math.max(nowMs, this.#freeAtMs[core]!);
    this.longestWaitMs = Math.max(this.longestWaitMs, startMs - nowMs);
    this.#freeAtMs[core] = startMs + costMs;
    this.#clock.at(startMs + costMs, done);
  }
}
