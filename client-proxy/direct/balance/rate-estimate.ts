/** For so long the highest rate counts in full: pauses of applications are shorter, and a link that has become slower shows. */
const WINDOW_MS = 15_000;
/** After it, what was measured counts half as much in so long: links of mobile networks change within minutes. */
const HALF_LIFE_MS = 120_000;

/** What an uplink delivers while it is kept busy: the highest rate of the last while, less and less certain when nothing follows. */
export class RateEstimate {
  #windowMs = Number.NEGATIVE_INFINITY;
  #highest = 0;
  #highestBefore = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** It was kept busy, and delivered this. */
  add(bytesPerSecond: number, nowMs: number): void {
    const windows = Math.floor((nowMs - this.#windowMs) / WINDOW_MS);
    if (windows >= 1) {
      this.#highestBefore = windows === 1 ? this.#highest : 0;
      this.#highest = 0;
      this.#windowMs = nowMs;
    }
    this.#highest = Math.max(this.#highest, bytesPerSecond);
    this.#lastMs = nowMs;
  }

  /** Bytes per second as measured last; undefined where nothing is known. */
  get measured(): number | undefined {
    const highest = Math.max(this.#highest, this.#highestBefore);
    return highest === 0 ? undefined : highest;
  }

  /**
   * Bytes per second that are expected of it now.
   * @param best those of the best uplink, to which what was measured long ago returns: only using it shows what it has become
   */
  expected(best: number, nowMs: number): number {
    const { measured } = this;
    if (measured === undefined || measured >= best) return measured ?? best;
    const oldMs = Math.max(0, nowMs - this.#lastMs - WINDOW_MS);
    const certainty = 2 ** (-oldMs / HALF_LIFE_MS);
    return Math.max(best / MOST_RATIO, measured * certainty + best * (1 - certainty));
  }
}

/** What an application did not ask for looks like what a link did not deliver: no uplink is held for slower than this share. */
const MOST_RATIO = 16;
