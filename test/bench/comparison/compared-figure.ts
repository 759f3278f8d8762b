import { median } from '../../lab/statistics.ts';
import { type ByRepetition, type PairedRatio, pairedRatio } from './paired-ratio.ts';
import type { VersionPair } from './versions.ts';

/** One figure of two contestants, as the JSON has it. */
export interface ComparedFigure {
  readonly one: string;
  readonly other: string;
  /** Where it was measured. */
  readonly where: string;
  /** What it is, with its unit. */
  readonly figure: string;
  readonly isMoreBetter: boolean;
  /** Medians over all repetitions. */
  readonly oneMedian: number;
  readonly otherMedian: number;
  /** `one` over `other`. */
  readonly ratio: PairedRatio;
}

/** What all repetitions agree on. */
export type Verdict = 'better' | 'worse' | 'undecided';

/** Holds two contestants against each other; nothing where no repetition has a value of both. */
export function comparedFigure(
  [one, other]: VersionPair,
  what: Pick<ComparedFigure, 'where' | 'figure' | 'isMoreBetter'>,
  valuesOf: (contestant: string) => ByRepetition,
): ComparedFigure[] {
  const [ones, others] = [valuesOf(one), valuesOf(other)];
  const ratio = pairedRatio(ones, others);
  if (!ratio) return [];
  const medians = { oneMedian: median([...ones.values()]), otherMedian: median([...others.values()]) };
  return [{ one, other, ...what, ...medians, ratio }];
}

/** `better` or `worse` where all repetitions agree, and there are two at least. */
export function verdict({ ratio: { min, max, pairs }, isMoreBetter }: ComparedFigure): Verdict {
  if (pairs < 2) return 'undecided';
  if (min > 1) return isMoreBetter ? 'better' : 'worse';
  if (max < 1) return isMoreBetter ? 'worse' : 'better';
  return 'undecided';
}

/** The figures of each two contestants, under a title for them. */
export function byPair(figures: readonly ComparedFigure[]): [title: string, ComparedFigure[]][] {
  const pairs = new Map<string, ComparedFigure[]>();
  for (const figure of figures) {
    const title = `${figure.one} over ${figure.other}`;
    pairs.set(title, [...(pairs.get(title) ?? []), figure]);
  }
  return [...pairs];
}
