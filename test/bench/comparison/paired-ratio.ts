import { median } from '../../lab/statistics.ts';

/** Values of one figure by repetition. */
export type ByRepetition = ReadonlyMap<number, number>;

/** How two contestants compare in one figure: ratios of what they did in the same repetition, one after the other. */
export interface PairedRatio {
  /** The middle one of the ratios, the smallest and the largest. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** So many repetitions have a value of both. */
  readonly pairs: number;
}

/**
 * One contestant's values over the other's. Only values of the same repetition are held against each other: what the machine does
 * meanwhile, and the seed of the emulated losses, is then alike. Undefined where no repetition has both.
 */
export function pairedRatio(ones: ByRepetition, others: ByRepetition): PairedRatio | undefined {
  const ratios: number[] = [];
  for (const [repetition, one] of ones) {
    const other = others.get(repetition);
    // Nothing is so many times zero.
    if (other !== undefined && other !== 0) ratios.push(one / other);
  }
  if (ratios.length === 0) return undefined;
  return {
    median: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    pairs: ratios.length,
  };
}
