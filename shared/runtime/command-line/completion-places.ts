import { allCommands, type CommandShape, type OptionShape, type ValueShape } from './command-shape.ts';

/** What may follow the words of a command. */
export interface CompletionPlace {
  /** Each of the command's words with a space before it; empty behind the program's name. */
  readonly place: string;
  /** Words that lead to another place, with what they do. */
  readonly commands: readonly CandidateWord[];
  /** What its first argument is; undefined where it takes none. */
  readonly argument: ValueShape | undefined;
  readonly options: readonly CandidateWord[];
  /** Options that a value follows. */
  readonly values: readonly OptionValue[];
}

export interface CandidateWord {
  readonly word: string;
  readonly description: string;
}

export interface OptionValue {
  readonly names: readonly string[];
  readonly value: ValueShape;
}

/** All places of a program's command line. */
export function completionPlaces(program: CommandShape): readonly CompletionPlace[] {
  return allCommands(program).map(({ words, commands, arguments: [argument], options, globalOptions }) => {
    const all = [...options, ...globalOptions];
    return {
      place: words.map((word) => ` ${word}`).join(''),
      commands: commands.map(({ name, description }) => ({ word: name, description })),
      argument: argument?.value,
      options: all.map(optionWord),
      values: all.flatMap(({ names, value }) => (value === undefined ? [] : [{ names, value }])),
    };
  });
}

/** What a value is, for a script: its kind, or `=` and all that it can be; with `...` behind it where more may follow. */
export function valueTag({ kind, choices, isVariadic }: ValueShape): string {
  return `${kind === 'choice' ? `=${choices.join(' ')}` : kind}${isVariadic ? '...' : ''}`;
}

/** The name of a shell function for a program. */
export function functionName(program: CommandShape): string {
  return `_${program.name.replaceAll('-', '_')}`;
}

/** The first line behind what a shell wants first. */
export function madeBy(program: CommandShape, shell: string): string {
  return `# Completion of ${program.name} for ${shell}, as "${program.name} completion ${shell}" prints it.`;
}

/** People look for the long name. */
function optionWord({ names, description }: OptionShape): CandidateWord {
  return { word: names.at(-1)!, description };
}
