import type { Sample } from './measurement-connection.ts';

/** Shorter than this, a rate is mostly that of buffers on the way. */
const LEAST_MS = 20;
/** Of a time, at either end: there a moment is looked for at which all that had come was read. */
const EDGE_SHARE = 0.25;

/**
 * The rate of an exchange in bits per second, by its second half: in the first TCP is still finding out how much it may send.
 * Undefined where too little arrived to tell.
 */
export function rateOf(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.bytes === 0) return undefined;
  const middle = samples.findIndex(({ bytes }) => bytes >= last.bytes / 2);
  return steadyRate(samples.slice(middle)) ?? steadyRate(samples);
}

/** The rate within a time, in bits per second; undefined where it is too short, or nothing came. */
export function rateBetween(samples: readonly Sample[], fromMs: number, toMs: number): number | undefined {
  return steadyRate(samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs));
}

/**
 * The rate from the beginning to the end. A program that is late reads bytes later than they came, never sooner, and what it reads then
 * would count for a time in which it did not come: at both ends the sample counts that is the furthest ahead of the mean.
 */
function steadyRate(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  const mean = first && last && bitsPerSecond(first, last);
  if (mean === undefined) return undefined;
  const edgeMs = EDGE_SHARE * (last!.atMs - first!.atMs);
  const ahead = ({ atMs, bytes }: Sample) => bytes - (mean * atMs) / 8_000;
  const mostAhead = (one: Sample, other: Sample) => (ahead(other) > ahead(one) ? other : one);
  const from = samples.filter(({ atMs }) => atMs <= first!.atMs + edgeMs).reduce(mostAhead);
  const to = samples.filter(({ atMs }) => atMs >= last!.atMs - edgeMs).reduce(mostAhead);
  return bitsPerSecond(from, to) ?? mean;
}

function bitsPerSecond(from: Sample, to: Sample): number | undefined {
  const ms = to.atMs - from.atMs;
  return ms < LEAST_MS ? undefined : ((to.bytes - from.bytes) * 8_000) / ms;
}

/** For people. */
export function formatRate(bitsPerSecond: number): string {
  const [unit, size] = bitsPerSecond >= 1e6 ? ['Mbit/s', 1e6] : (['kbit/s', 1e3] as const);
  const value = bitsPerSecond / (size as number);
  return `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${unit}`;
}

/** The value in the middle. Throws where there is none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
