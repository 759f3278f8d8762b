import { type CandidateWord, type CompletionPlace, valueTag } from './completion-places.ts';

// Cases of a `case` that bash and zsh write alike.

/** What a word leads to, for `case "$place $word"`: another place, or a value. */
export function stepCases({ place, commands, values }: CompletionPlace): readonly string[] {
  return [
    ...commands.map(({ word }) => `'${place} ${word}') place='${place} ${word}' ;;`),
    ...values.map(({ names, value }) => {
      const patterns = names.map((name) => `'${place} ${name}'`).join(' | ');
      return `${patterns}) value='${valueTag(value)}' ;;`;
    }),
  ];
}

/**
 * What may stand next, for `case $place`: a command, the argument, or, where there are neither, an option.
 *
 * @param assign makes the assignment of what can be chosen
 */
export function nextCase(
  { place, commands, argument, options }: CompletionPlace,
  assign: (candidates: readonly CandidateWord[]) => string,
): string {
  if (commands.length > 0) return `'${place}') ${assign(commands)} ;;`;
  if (argument !== undefined) return `'${place}') value='${valueTag(argument)}' ;;`;
  return `'${place}') ${assign(options)} ;;`;
}

/** The options, for `case $place`. */
export function optionCase(
  { place, options }: CompletionPlace,
  assign: (candidates: readonly CandidateWord[]) => string,
): string {
  return `'${place}') ${assign(options)} ;;`;
}
