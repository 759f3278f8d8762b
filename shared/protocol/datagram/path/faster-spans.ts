export interface FasterSpansTuning {
  /** Of so many spans */
  readonly spans: number;
  /** so many must have shown a rate, those of one run counted once. */
  readonly runs: number;
}

/**
 * The rate that spans of packets show again and again which arrived faster than they were sent. Jitter makes such spans all the time. After
 * a pause of the way back they come as well, however full the path is: all feedback is there at once, in one run of spans.
 */
export class FasterSpans {
  readonly #tuning: FasterSpansTuning;
  /** Of each span, or run of faster ones, bytes per second; 0 for a span that was no faster. */
  readonly #rates: number[] = [];

  constructor(tuning: FasterSpansTuning) {
    this.#tuning = tuning;
  }

  /** What that many runs have shown, bytes per second; 0 where there were fewer. */
  get bytesPerSecond(): number {
    return [...this.#rates].sort((a, b) => b - a)[this.#tuning.runs - 1] ?? 0;
  }

  /** @param bytesPerSecond at which its packets arrived; 0 where that was no faster than they were sent */
  add(bytesPerSecond: number): void {
    const last = this.#rates.at(-1) ?? 0;
    if (bytesPerSecond > 0 && last > 0) {
      this.#rates[this.#rates.length - 1] = Math.max(last, bytesPerSecond);
      return;
    }
    this.#rates.push(bytesPerSecond);
    if (this.#rates.length > this.#tuning.spans) this.#rates.shift();
  }
}
