import { closest, distance } from 'fastest-levenshtein';

/** The end of an error message about a word that is not known: the one that was probably meant, or all there are. */
export function didYouMean(word: string, known: readonly string[], thereAre: string): string {
  const nearest = known.length > 0 ? closest(word, known) : undefined;
  // Half of the letters may differ; beyond that a suggestion misleads.
  if (nearest !== undefined && distance(word.toLowerCase(), nearest.toLowerCase()) <= nearest.length / 2) {
    return `did you mean "${nearest}"?`;
  }
  return `${thereAre} ${known.length > 0 ? known.join(', ') : 'none'}`;
}
