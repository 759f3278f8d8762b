/*
 * Responsiveness under working conditions, as draft-ietf-ippm-responsiveness-08 has it (section 5.3.1.1): how many round trips a minute
 * are possible while the link is full. Probes on new connections (foreign) and on the one that carries the load count half each. Of
 * each kind the slowest twentieth is left out.
 */

const TRIMMED_SHARE = 0.05;
const MS_PER_MINUTE = 60_000;

/** What was asked while a link was under load. Times in milliseconds. */
export interface LoadProbes {
  /** Each: one round trip, as part of a new connection. */
  readonly foreignMs: readonly number[];
  /** Each: one round trip behind what the loaded connection has to send. Empty where that cannot be asked. */
  readonly ownMs: readonly number[];
}

/** The round trips a minute; undefined where too little was answered. */
export function roundTripsPerMinute({ foreignMs, ownMs }: LoadProbes): number | undefined {
  const parts = [foreignMs, ownMs].filter((times) => times.length > 0).map(trimmedMean);
  if (foreignMs.length === 0) return undefined;
  return Math.round(parts.reduce((sum, ms) => sum + MS_PER_MINUTE / ms, 0) / parts.length);
}

/** Of times above 0, at least one. */
export function trimmedMean(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const kept = sorted.slice(0, Math.max(1, Math.ceil(sorted.length * (1 - TRIMMED_SHARE))));
  return kept.reduce((sum, ms) => sum + ms, 0) / kept.length;
}

/** How a link feels while it is full. */
export const GRADES = ['excellent', 'good', 'fair', 'poor', 'bad'] as const;
export type Grade = (typeof GRADES)[number];

/** From so many round trips a minute on: 40, 75, 150 and 400 ms each. */
const LEAST_OF: Readonly<Record<Grade, number>> = {
  excellent: 1_500,
  good: 800,
  fair: 400,
  poor: 150,
  bad: 0,
};

/** What a person notices of it. */
export const GRADE_WORDS: Readonly<Record<Grade, string>> = {
  excellent: 'games and calls run beside any transfer',
  good: 'calls are clear beside a transfer',
  fair: 'pages open later beside a transfer',
  poor: 'calls suffer beside a transfer',
  bad: 'nothing else works well beside a transfer',
};

export function gradeOf(roundTripsPerMinute: number): Grade {
  return GRADES.find((grade) => roundTripsPerMinute >= LEAST_OF[grade])!;
}
