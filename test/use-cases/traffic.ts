import type { Direction } from '../bed/emulator.ts';

/** What has passed a link in both directions since it was made, bytes of IP packets. */
export type Octets = Readonly<Record<Direction, number>>;

/** Counters at one moment: those of all links, in their order. */
interface Sample {
  /** Since the beginning of the record. */
  readonly atMs: number;
  readonly octets: readonly Octets[];
}

/** Bytes of several links over time. */
export class Traffic {
  /** Names of the links. */
  readonly links: readonly string[];
  readonly #samples: Sample[] = [];

  constructor(links: readonly string[]) {
    this.links = links;
  }

  /** Times must grow. */
  add(atMs: number, octets: readonly Octets[]): void {
    this.#samples.push({ atMs, octets });
  }

  /** Bytes that passed a link in a time; between two samples they count as evenly spread. */
  bytes(link: string, direction: Direction, fromMs: number, toMs: number): number {
    return this.#until(link, direction, toMs) - this.#until(link, direction, fromMs);
  }

  /** Of what passed all links in a time, the share of one; NaN when nothing did. */
  share(link: string, direction: Direction, fromMs: number, toMs: number): number {
    const all = this.links.reduce((sum, one) => sum + this.bytes(one, direction, fromMs, toMs), 0);
    return this.bytes(link, direction, fromMs, toMs) / all;
  }

  /** Mean rate in a time, Mbit/s. */
  rateMbps(link: string, direction: Direction, fromMs: number, toMs: number): number {
    return (this.bytes(link, direction, fromMs, toMs) * 8) / ((toMs - fromMs) * 1000);
  }

  /** Mean rates in steps from the beginning to the end, Mbit/s. */
  rates(link: string, direction: Direction, stepMs: number): number[] {
    return Array.from({ length: Math.floor(this.endMs / stepMs) }, (_, step) =>
      this.rateMbps(link, direction, step * stepMs, (step + 1) * stepMs),
    );
  }

  /** For each step the link that carried most of it; undefined where less than `leastBytes` passed. */
  leaders(direction: Direction, stepMs: number, fromMs: number, toMs: number, leastBytes: number) {
    const leaders: (string | undefined)[] = [];
    for (let atMs = fromMs; atMs + stepMs <= toMs; atMs += stepMs) {
      const carried = this.links
        .map((link) => ({ link, bytes: this.bytes(link, direction, atMs, atMs + stepMs) }))
        .sort((a, b) => b.bytes - a.bytes);
      leaders.push(carried[0] && carried[0].bytes >= leastBytes ? carried[0].link : undefined);
    }
    return leaders;
  }

  /** When the record ends. */
  get endMs(): number {
    return this.#samples.at(-1)?.atMs ?? 0;
  }

  #until(link: string, direction: Direction, atMs: number): number {
    const index = this.links.indexOf(link);
    const value = (sample: Sample | undefined) => sample?.octets[index]?.[direction] ?? Number.NaN;
    const next = this.#samples.findIndex((sample) => sample.atMs >= atMs);
    if (next < 0) return value(this.#samples.at(-1));
    if (next === 0) return value(this.#samples[0]);
    const [before, after] = [this.#samples[next - 1]!, this.#samples[next]!];
    const part = (atMs - before.atMs) / (after.atMs - before.atMs);
    return value(before) + part * (value(after) - value(before));
  }
}

/** How often a series changes from one to another; gaps do not count. */
export function changes(series: readonly (string | undefined)[]): number {
  const known = series.filter((one) => one !== undefined);
  return known.filter((one, at) => at > 0 && one !== known[at - 1]).length;
}
