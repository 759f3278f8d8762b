/** How samples follow each other. */
export interface SamplesOptions {
  readonly stepMs: number;
  /** A longer time without a sample is a hole: the page, the program or the machine slept. */
  readonly holeMs: number;
  readonly maxSamples: number;
}

/** An hour of seconds. */
const SECONDS: SamplesOptions = { stepMs: 1_000, holeMs: 3_500, maxSamples: 3_600 };
/** Beyond, the name that was told least recently is forgotten. */
const MAX_NAMES = 64;

export type Direction = 'down' | 'up';

/** As a chart takes it: seconds since 1970, and for each name bits per second, null in a hole. */
export interface ChartData {
  readonly seconds: readonly number[];
  readonly rates: readonly (readonly (number | null)[])[];
}

/** What a name carried in each of several seconds, in bits per second. */
interface NamedTrack {
  readonly name: string;
  readonly down: readonly number[];
  readonly up: readonly number[];
}

interface NamedRate {
  readonly name: string;
  readonly down: number;
  readonly up: number;
}

interface Track {
  readonly down: number[];
  readonly up: number[];
}

/** What each name (an uplink, a client) carried in each second of the last hour, or in longer steps, as far as this page knows. */
export class Samples {
  readonly #options: SamplesOptions;
  readonly #times: number[] = [];
  readonly #tracks = new Map<string, Track>();

  constructor(options: SamplesOptions = SECONDS) {
    this.#options = options;
  }

  /** Of the last sample; 0 while there is none. */
  get lastMs(): number {
    return this.#times.at(-1) ?? 0;
  }

  get firstMs(): number {
    return this.#times[0] ?? 0;
  }

  /**
   * Adds what was, but for what is known already.
   * @param times milliseconds since 1970, ascending; the lists of all tracks have their length
   */
  load(times: readonly number[], tracks: readonly NamedTrack[]): void {
    times.forEach((timeMs, at) => {
      if (timeMs <= this.lastMs) return;
      this.add(
        timeMs,
        tracks.map(({ name, down, up }) => ({ name, down: down[at] ?? 0, up: up[at] ?? 0 })),
      );
    });
  }

  /** Adds what is now. @param timeMs when the sample ended, since 1970; the clock was set back where some are later */
  add(timeMs: number, rates: readonly NamedRate[]): void {
    const { maxSamples } = this.#options;
    while (this.lastMs > timeMs) this.#forgetLast();
    if (timeMs === this.lastMs) return;
    const count = this.#times.push(timeMs);
    for (const { name, down, up } of rates) {
      const track = this.#tracks.get(name) ?? { down: [], up: [] };
      this.#tracks.delete(name);
      this.#tracks.set(name, track);
      while (track.down.length < count - 1) {
        track.down.push(0);
        track.up.push(0);
      }
      track.down.push(down);
      track.up.push(up);
    }
    for (const name of this.#tracks.keys()) {
      if (this.#tracks.size <= MAX_NAMES) break;
      this.#tracks.delete(name);
    }
    // One that was not told of has carried nothing.
    for (const { down, up } of this.#tracks.values()) {
      if (down.length < count) down.push(0);
      if (up.length < count) up.push(0);
    }
    if (count <= maxSamples) return;
    this.#times.shift();
    for (const { down, up } of this.#tracks.values()) {
      down.shift();
      up.shift();
    }
  }

  /** @param names in the order of `rates` */
  chart(names: readonly string[], direction: Direction, fromMs: number): ChartData {
    const first = this.#times.findIndex((timeMs) => timeMs >= fromMs);
    const seconds: number[] = [];
    const rates: (number | null)[][] = names.map(() => []);
    if (first < 0) return { seconds, rates };
    const tracks = names.map((name) => this.#tracks.get(name)?.[direction]);
    for (let at = first; at < this.#times.length; at += 1) {
      const timeMs = this.#times[at]!;
      const beforeMs = at === first ? timeMs : this.#times[at - 1]!;
      if (timeMs - beforeMs > this.#options.holeMs) {
        seconds.push((beforeMs + 1) / 1_000);
        for (const list of rates) list.push(null);
      }
      seconds.push(timeMs / 1_000);
      for (const [i, list] of rates.entries()) list.push(tracks[i]?.[at] ?? 0);
    }
    return { seconds, rates };
  }

  #forgetLast(): void {
    this.#times.pop();
    for (const { down, up } of this.#tracks.values()) {
      down.pop();
      up.pop();
    }
  }
}
