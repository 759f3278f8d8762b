import type { WallClock } from '../../shared/runtime/clock.ts';

/** Calls back as each minute begins, by the wall clock, so that what depends on the time of day is looked at again. */
export class MinuteTimer {
  readonly #wallClock: WallClock;
  readonly #onMinute: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(wallClock: WallClock, onMinute: () => void) {
    this.#wallClock = wallClock;
    this.#onMinute = onMinute;
  }

  start(): void {
    const leftMs = MINUTE_MS - (((this.#wallClock() % MINUTE_MS) + MINUTE_MS) % MINUTE_MS);
    // A timer may be early by a millisecond.
    this.#timer = setTimeout(() => {
      this.#onMinute();
      this.start();
    }, leftMs + 1).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

const MINUTE_MS = 60_000;
