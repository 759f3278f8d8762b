/** Counts of one run fall into these classes, as AFL's do: how often a place was passed matters up to a point. */
const CLASS_OF_COUNT = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count <= 3) return count === 3 ? 4 : count;
  if (count <= 7) return 8;
  if (count <= 15) return 16;
  if (count <= 31) return 32;
  return count <= 127 ? 64 : 128;
});

/** Which places of the program were ever passed, and in which classes of counts. */
export class CoverageMap {
  /** How many places were passed at all. */
  places = 0;
  readonly #counters: Uint8Array;
  readonly #seen: Uint8Array;

  /** @param counters what the instrumented program counts in */
  constructor(counters: Uint8Array) {
    this.#counters = counters;
    this.#seen = new Uint8Array(counters.length);
  }

  /** To be called before each run. */
  clear(): void {
    this.#counters.fill(0);
  }

  /** @returns whether the run that has ended passed a place, or a class of counts, that no other had */
  takeNew(): boolean {
    let isNew = false;
    for (let at = 0; at < this.#counters.length; at++) {
      const count = this.#counters[at]!;
      if (count === 0) continue;
      const seen = this.#seen[at]!;
      const bit = CLASS_OF_COUNT[count]!;
      if ((seen & bit) !== 0) continue;
      if (seen === 0) this.places++;
      this.#seen[at] = seen | bit;
      isNew = true;
    }
    return isNew;
  }

  /** A number for the set of places and classes that the run has passed, to compare two runs by. */
  fingerprint(): number {
    let hash = 0x811c_9dc5;
    for (let at = 0; at < this.#counters.length; at++) {
      const count = this.#counters[at]!;
      if (count === 0) continue;
      hash = Math.imul(hash ^ (at * 256 + CLASS_OF_COUNT[count]!), 0x0100_0193);
    }
    return hash >>> 0;
  }
}
