/** How long something took, counted up to bounds. */
export class DelayCounts {
  /** Up to each bound and above the one before; the last: above all of them. */
  readonly counts: number[];
  sumMs = 0;
  readonly #boundsMs: readonly number[];

  constructor(boundsMs: readonly number[]) {
    this.#boundsMs = boundsMs;
    this.counts = new Array(boundsMs.length + 1).fill(0);
  }

  add(ms: number): void {
    let index = 0;
    while (index < this.#boundsMs.length && ms > this.#boundsMs[index]!) index++;
    this.counts[index]!++;
    this.sumMs += ms;
  }

  /** Adds what others have counted. */
  addAll({ counts, sumMs }: DelayCounts): void {
    for (const [index, count] of counts.entries()) this.counts[index]! += count;
    this.sumMs += sumMs;
  }
}
