import type { Sample } from './measurement-connection.ts';

/** Shorter than this, a rate is mostly that of buffers on the way. */
const LEAST_MS = 20;

/**
 * The rate of an exchange in bits per second, by its second half: in the first TCP is still finding out how much it may send.
 * Undefined where too little arrived to tell.
 */
export function rateOf(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.bytes === 0) return undefined;
  const middle = samples.find(({ bytes }) => bytes >= last.bytes / 2) ?? first;
  const late = bitsPerSecond(middle, last);
  return late ?? bitsPerSecond(first, last);
}

/** The rate within a time, in bits per second; undefined where it is too short, or nothing came. */
export function rateBetween(samples: readonly Sample[], fromMs: number, toMs: number): number | undefined {
  const within = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const [first, last] = [within[0], within.at(-1)];
  return first === undefined || last === undefined ? undefined : bitsPerSecond(first, last);
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
