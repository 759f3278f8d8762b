/** What an uplink carries, bits per second. */
export interface UplinkRate {
  readonly down: number;
  readonly up: number;
}

/** A series as the page takes it. The lists of all uplinks have the length of `times`. */
export interface HistoryReport {
  /** Milliseconds since 1970, ascending: when each sample ended. */
  readonly times: readonly number[];
  readonly uplinks: readonly {
    readonly name: string;
    /** Bits per second. */
    readonly down: readonly number[];
    readonly up: readonly number[];
  }[];
}

interface Track {
  readonly down: Float32Array;
  readonly up: Float32Array;
}

const SECOND_MS = 1_000;

/** What each uplink carried in one stretch of time after the other: the latest so many. As many uplinks as are named to it. */
export class RateSeries {
  readonly #capacity: number;
  readonly #times: Float64Array;
  readonly #tracks = new Map<string, Track>();
  /** Samples have numbers, of which these are kept: from the first to before the next. */
  #first = 0;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#times = new Float64Array(capacity);
  }

  /** When the last sample ended; 0 while there is none. */
  get lastMs(): number {
    return this.#next === this.#first ? 0 : this.#times[(this.#next - 1) % this.#capacity]!;
  }

  /** @param endMs later than that of the sample before @param rates an uplink that is missing has carried nothing */
  add(endMs: number, rates: Iterable<readonly [name: string, rate: UplinkRate]>): void {
    const at = this.#next % this.#capacity;
    // Once around: who was silent all the while is forgotten.
    if (at === 0) this.#forgetSilent();
    for (const { down, up } of this.#tracks.values()) {
      down[at] = 0;
      up[at] = 0;
    }
    for (const [name, rate] of rates) {
      if (rate.down === 0 && rate.up === 0 && !this.#tracks.has(name)) continue;
      const track = this.#trackOf(name);
      track.down[at] = rate.down;
      track.up[at] = rate.up;
    }
    this.#times[at] = endMs;
    this.#next += 1;
    this.#first = Math.max(this.#first, this.#next - this.#capacity);
  }

  /** Adds what was reported once. */
  load({ times, uplinks }: HistoryReport): void {
    times.forEach((endMs, i) => {
      this.add(
        endMs,
        uplinks.map(({ name, down, up }) => [name, { down: down[i] ?? 0, up: up[i] ?? 0 }]),
      );
    });
  }

  /** The most that an uplink carried in one of the last samples, each direction by itself. */
  peakOf(name: string, samples: number): UplinkRate {
    const track = this.#tracks.get(name);
    let down = 0;
    let up = 0;
    for (let i = Math.max(this.#first, this.#next - samples); i < this.#next; i += 1) {
      down = Math.max(down, track?.down[i % this.#capacity] ?? 0);
      up = Math.max(up, track?.up[i % this.#capacity] ?? 0);
    }
    return { down, up };
  }

  /** When the first sample ended of those that ended after a time; undefined if none did. */
  firstAfter(ms: number): number | undefined {
    let found: number | undefined;
    for (let i = this.#next - 1; i >= this.#first; i -= 1) {
      const endMs = this.#times[i % this.#capacity]!;
      if (endMs <= ms) break;
      found = endMs;
    }
    return found;
  }

  /**
   * What each uplink carried, by the samples that ended after one time and until another, as the mean of that whole time.
   * @param longestMs behind a longer time without a sample, the next one is of a second
   */
  meanBetween(fromMs: number, toMs: number, longestMs: number): Map<string, UplinkRate> {
    const means = new Map<string, { down: number; up: number }>();
    for (let i = this.#next - 1; i >= this.#first; i -= 1) {
      const at = i % this.#capacity;
      const endMs = this.#times[at]!;
      if (endMs <= fromMs) break;
      if (endMs > toMs) continue;
      const sinceMs = i > this.#first ? endMs - this.#times[(i - 1) % this.#capacity]! : longestMs;
      const share = (sinceMs < longestMs ? sinceMs : SECOND_MS) / (toMs - fromMs);
      for (const [name, { down, up }] of this.#tracks) {
        const mean = means.get(name) ?? { down: 0, up: 0 };
        mean.down += down[at]! * share;
        mean.up += up[at]! * share;
        means.set(name, mean);
      }
    }
    return means;
  }

  /** The clock was set back: samples that ended after this never were. */
  forgetAfter(ms: number): void {
    while (this.lastMs > ms) this.#next -= 1;
  }

  /** All samples, or those after a time. Uplinks that carried nothing in them are left out. */
  report(afterMs = 0): HistoryReport {
    const indices: number[] = [];
    for (let i = this.#first; i < this.#next; i += 1) {
      const at = i % this.#capacity;
      if (this.#times[at]! > afterMs) indices.push(at);
    }
    return {
      times: indices.map((at) => this.#times[at]!),
      uplinks: [...this.#tracks]
        .filter(([, { down, up }]) => indices.some((at) => down[at] !== 0 || up[at] !== 0))
        .map(([name, { down, up }]) => ({
          name,
          down: indices.map((at) => Math.round(down[at]!)),
          up: indices.map((at) => Math.round(up[at]!)),
        })),
    };
  }

  #forgetSilent(): void {
    for (const [name, { down, up }] of this.#tracks)
      if (!down.some((rate) => rate !== 0) && !up.some((rate) => rate !== 0)) this.#tracks.delete(name);
  }

  #trackOf(name: string): Track {
    let track = this.#tracks.get(name);
    if (track === undefined) {
      track = { down: new Float32Array(this.#capacity), up: new Float32Array(this.#capacity) };
      this.#tracks.set(name, track);
    }
    return track;
  }
}
