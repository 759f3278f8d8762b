import type { MonotonicClock } from '../clock.ts';

/** The program looks at the clock this often. */
const LOOK_EVERY_MS = 250;
/** So much later than asked for, this machine has held the program up: suspended, stopped, or short of processor time or memory. */
const STALL_MS = 1_000;

/** Notices that the event loop stood still. Nothing can be done about it, but it explains what else is seen at that time. */
export class LoopWatch {
  readonly #clock: MonotonicClock;
  readonly #onStall: (stalledMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #lookedMs = 0;
  #stalls = 0;

  constructor(clock: MonotonicClock, onStall: (stalledMs: number) => void) {
    this.#clock = clock;
    this.#onStall = onStall;
  }

  /** How often it stood still. */
  get stalls(): number {
    return this.#stalls;
  }

  start(): void {
    this.#lookedMs = this.#clock();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = this.#clock();
    const stalledMs = nowMs - this.#lookedMs - LOOK_EVERY_MS;
    this.#lookedMs = nowMs;
    if (stalledMs < STALL_MS) return;
    this.#stalls += 1;
    this.#onStall(Math.round(stalledMs));
  }
}
