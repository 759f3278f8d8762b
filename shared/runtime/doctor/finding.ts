/**
 * How a check ended: `ok`; `warning`: it works, and something is wrong; `failed`: it does not work; `skipped`: it was not
 * tried, for the reason that the words give.
 */
export const OUTCOMES = ['ok', 'warning', 'failed', 'skipped'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A number that was measured. Units: `ms`, `bytes`, `bit/s`, `s`, or `1` for a count. */
export interface Figure {
  readonly value: number;
  readonly unit: 'ms' | 's' | 'bytes' | 'bit/s' | '1';
}

/** What a check has found. */
export interface Finding {
  readonly outcome: Outcome;
  /** For a person: one line. */
  readonly words: string;
  /** What mends it, a line each: commands, or what to do in words. With `ok`: what would make it better. */
  readonly remedy?: readonly string[];
  readonly figures?: Readonly<Record<string, Figure>>;
}

/** A finding, and what it is about. */
export interface Report extends Required<Finding> {
  /** The uplink; null for the machine as a whole, and for the other end. */
  readonly uplink: string | null;
  /** Of several concentrators the one that it is about. */
  readonly concentrator?: string;
  readonly check: string;
}

export function ok(words: string, figures: Finding['figures'] = {}, remedy: readonly string[] = []): Finding {
  return { outcome: 'ok', words, figures, remedy };
}

export function warning(
  words: string,
  remedy: readonly string[] = [],
  figures: Finding['figures'] = {},
): Finding {
  return { outcome: 'warning', words, remedy, figures };
}

export function failed(
  words: string,
  remedy: readonly string[] = [],
  figures: Finding['figures'] = {},
): Finding {
  return { outcome: 'failed', words, remedy, figures };
}

export function skipped(words: string, remedy: readonly string[] = []): Finding {
  return { outcome: 'skipped', words, remedy };
}

/** A time, rounded as far as it can be measured. */
export function milliseconds(value: number): Figure {
  return { value: Math.round(value * 10) / 10, unit: 'ms' };
}
