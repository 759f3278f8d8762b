import type { HistoryReport } from '../history/rate-series.ts';
import type { PageView } from '../page-view.ts';

const MAX_SAMPLES = 3_600;
/** A longer time without a sample is a hole: the page or the machine slept. */
const HOLE_MS = 3_500;

export type Direction = 'down' | 'up';

/** As a chart takes it: seconds since 1970, and for each uplink bits per second, null in a hole. */
export interface ChartData {
  readonly seconds: readonly number[];
  readonly rates: readonly (readonly (number | null)[])[];
}

interface Track {
  readonly down: number[];
  readonly up: number[];
}

/** What the uplinks carried in each second of the last hour, as far as this page knows. */
export class Samples {
  readonly #times: number[] = [];
  readonly #tracks = new Map<string, Track>();

  /** Of the last sample; 0 while there is none. */
  get lastMs(): number {
    return this.#times.at(-1) ?? 0;
  }

  get firstMs(): number {
    return this.#times[0] ?? 0;
  }

  load({ times, uplinks }: HistoryReport): void {
    times.forEach((timeMs, at) => {
      this.#add(
        timeMs,
        uplinks.map(({ name, down, up }) => ({ name, down: down[at] ?? 0, up: up[at] ?? 0 })),
      );
    });
  }

  add({ timeMs, uplinks }: PageView): void {
    this.#add(timeMs, uplinks);
  }

  /** @param names of the uplinks, in the order of `rates` */
  chart(names: readonly string[], direction: Direction, fromMs: number): ChartData {
    const first = this.#times.findIndex((timeMs) => timeMs >= fromMs);
    const seconds: number[] = [];
    const rates: (number | null)[][] = names.map(() => []);
    if (first < 0) return { seconds, rates };
    const tracks = names.map((name) => this.#tracks.get(name)?.[direction]);
    for (let at = first; at < this.#times.length; at += 1) {
      const timeMs = this.#times[at]!;
      const beforeMs = at === first ? timeMs : this.#times[at - 1]!;
      if (timeMs - beforeMs > HOLE_MS) {
        seconds.push((beforeMs + 1) / 1_000);
        for (const list of rates) list.push(null);
      }
      seconds.push(timeMs / 1_000);
      for (const [i, list] of rates.entries()) list.push(tracks[i]?.[at] ?? 0);
    }
    return { seconds, rates };
  }

  #add(timeMs: number, uplinks: readonly { name: string; down: number; up: number }[]): void {
    if (timeMs <= this.lastMs) {
      // Known, or the clock was set back: then all is told anew.
      if (this.lastMs - timeMs < MAX_SAMPLES * 1_000) return;
      this.#times.length = 0;
      this.#tracks.clear();
    }
    const count = this.#times.push(timeMs);
    for (const { name, down, up } of uplinks) {
      const track = this.#tracks.get(name) ?? { down: [], up: [] };
      this.#tracks.set(name, track);
      while (track.down.length < count - 1) {
        track.down.push(0);
        track.up.push(0);
      }
      track.down.push(down);
      track.up.push(up);
    }
    // One that was not told of has carried nothing.
    for (const { down, up } of this.#tracks.values()) {
      if (down.length < count) down.push(0);
      if (up.length < count) up.push(0);
    }
    if (count <= MAX_SAMPLES) return;
    this.#times.shift();
    for (const { down, up } of this.#tracks.values()) {
      down.shift();
      up.shift();
    }
  }
}
