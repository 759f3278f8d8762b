import type { WallClock } from '../../shared/runtime/clock.ts';

/** Calls back as each minute begins, by the wall clock, so that what depends on the time of day is looked at again. */
export class MinuteTimer {
  readonly #wallClock: WallClock;
  readonly #tasks: readonly (() => void)[];
  #timer: NodeJS.Timeout | undefined;

  /** @param tasks are done in this order */
  constructor(wallClock: WallClock, tasks: readonly (() => void)[]) {
    this.#wallClock = wallClock;
    this.#tasks = tasks;
  }

  start(): void {
    const leftMs = MINUTE_MS - (((this.#wallClock() % MINUTE_MS) + MINUTE_MS) % MINUTE_MS);
    // A timer may be early by a millisecond.
    this.#timer = setTimeout(() => {
      for (const task of this.#tasks) task();
      this.start();
    }, leftMs + 1).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

const MINUTE_MS = 60_000;
