import type { Rate } from './traffic-rates.ts';

/** What one client carried. */
export interface NamedRate extends Rate {
  readonly name: string;
}

/** One second: all clients together, and those that carry most. */
export interface ClientSample {
  /** Milliseconds since 1970: when it ended. */
  readonly timeMs: number;
  readonly sum: Rate;
  readonly top: readonly NamedRate[];
}

/** The history as a page takes it. The lists have the length of `times`. */
export interface ClientHistoryReport {
  readonly times: readonly number[];
  readonly sum: { readonly down: readonly number[]; readonly up: readonly number[] };
  readonly clients: readonly {
    readonly name: string;
    readonly down: readonly number[];
    readonly up: readonly number[];
  }[];
}

/** An hour of seconds. */
const MAX_SAMPLES = 3_600;
/** Of clients that were among the first in turn, those that carried most are told. */
const MAX_TOLD = 20;

/** The seconds of the last hour in which somebody looked. */
export class ClientHistory {
  readonly #samples: ClientSample[] = [];

  add(sample: ClientSample): void {
    const last = this.#samples.at(-1);
    // The clock was set back: another time begins.
    if (last !== undefined && sample.timeMs < last.timeMs) this.#samples.length = 0;
    if (this.#samples.push(sample) > MAX_SAMPLES) this.#samples.shift();
  }

  /** The samples after a time. */
  report(afterMs: number): ClientHistoryReport {
    const samples = this.#samples.filter(({ timeMs }) => timeMs > afterMs);
    const volumes = new Map<string, number>();
    for (const { name, down, up } of samples.flatMap(({ top }) => top)) {
      volumes.set(name, (volumes.get(name) ?? 0) + down + up);
    }
    const names = [...volumes].sort(([, one], [, other]) => other - one).slice(0, MAX_TOLD);
    const tracks = new Map(names.map(([name]) => [name, { down: zeros(samples), up: zeros(samples) }]));
    for (const [at, { top }] of samples.entries()) {
      for (const { name, down, up } of top) {
        const track = tracks.get(name);
        if (track === undefined) continue;
        track.down[at] = down;
        track.up[at] = up;
      }
    }
    return {
      times: samples.map(({ timeMs }) => timeMs),
      sum: { down: samples.map(({ sum }) => sum.down), up: samples.map(({ sum }) => sum.up) },
      clients: [...tracks].map(([name, track]) => ({ name, ...track })),
    };
  }
}

function zeros({ length }: readonly unknown[]): number[] {
  return new Array<number>(length).fill(0);
}
