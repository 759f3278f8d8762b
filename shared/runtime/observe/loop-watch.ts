import { createHistogram } from 'node:perf_hooks';
import type { MonotonicClock } from '../clock.ts';

/** The program looks at the clock this often: each time wakes a machine that would sleep. */
export const LOOK_EVERY_MS = 1_000;
/** So much later than asked for, this machine has held the program up: suspended, stopped, or short of processor time or memory. */
const STALL_MS = 1_000;

/** By how much the looks of a while came late, in seconds. */
export interface LoopDelays {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Notices that the event loop stood still. Nothing can be done about it, but it explains what else is seen at that time. */
export class LoopWatch {
  readonly #clock: MonotonicClock;
  readonly #onStall: (stalledMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #lookedMs = 0;
  #stalls = 0;
  readonly #delaysNs = createHistogram();

  constructor(clock: MonotonicClock, onStall: (stalledMs: number) => void) {
    this.#clock = clock;
    this.#onStall = onStall;
  }

  /** How often it stood still. */
  get stalls(): number {
    return this.#stalls;
  }

  /** Since the last call; undefined when nothing was measured since. */
  takeDelays(): LoopDelays | undefined {
    const delays = this.#delaysNs;
    if (delays.count === 0) return undefined;
    const seconds = (ns: number) => ns / 1e9;
    const taken = {
      min: seconds(delays.min),
      max: seconds(delays.max),
      mean: seconds(delays.mean),
      stddev: seconds(delays.stddev),
      p50: seconds(delays.percentile(50)),
      p90: seconds(delays.percentile(90)),
      p99: seconds(delays.percentile(99)),
    };
    delays.reset();
    return taken;
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
    // It takes no zero. A timer may be early by a part of a millisecond.
    this.#delaysNs.record(Math.max(1, Math.round(stalledMs * 1e6)));
    if (stalledMs < STALL_MS) return;
    this.#stalls += 1;
    this.#onStall(Math.round(stalledMs));
  }
}
