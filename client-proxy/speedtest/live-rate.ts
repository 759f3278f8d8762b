import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { OnSample, Sample } from '../measurement/measurement-connection.ts';

/** Over so long it is taken: shorter, and it jumps with each burst. */
const WINDOW_MS = 500;

/** How much comes in the last moments, of several transfers together. */
export class LiveRate {
  readonly #clock: MonotonicClock;
  /** What came at each moment of the window. */
  #recent: Sample[] = [];

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** To be told of the samples of one transfer. */
  source(): OnSample {
    let before = 0;
    return ({ atMs, bytes }) => {
      this.#recent.push({ atMs, bytes: bytes - before });
      before = bytes;
      this.#forget();
    };
  }

  get bitsPerSecond(): number {
    this.#forget();
    const bytes = this.#recent.reduce((sum, sample) => sum + sample.bytes, 0);
    return Math.round((bytes * 8_000) / WINDOW_MS);
  }

  clear(): void {
    this.#recent = [];
  }

  #forget(): void {
    const fromMs = this.#clock() - WINDOW_MS;
    const first = this.#recent.findIndex(({ atMs }) => atMs >= fromMs);
    if (first < 0) this.#recent = [];
    else if (first > 0) this.#recent.splice(0, first);
  }
}
