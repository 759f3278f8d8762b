/** In this time half of what was counted is forgotten, for `recentAt`. */
const HALF_LIFE_MS = 30_000;

/** How many there were of late, in two ways: against a rate (a leaky bucket), and to compare who had fewer. */
export class DecayingCount {
  #count = 0;
  #recent = 0;
  #atMs = 0;

  /** What has not yet drained. @param perSecond what drains */
  at(nowMs: number, perSecond: number): number {
    return Math.max(0, this.#count - ((nowMs - this.#atMs) * perSecond) / 1_000);
  }

  /** All, the older the less: it tells those apart, too, who stay below the rate. */
  recentAt(nowMs: number): number {
    return this.#recent * 0.5 ** ((nowMs - this.#atMs) / HALF_LIFE_MS);
  }

  /** One more. */
  add(nowMs: number, perSecond: number): void {
    this.#count = this.at(nowMs, perSecond) + 1;
    this.#recent = this.recentAt(nowMs) + 1;
    this.#atMs = nowMs;
  }
}
