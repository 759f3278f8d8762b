import type { CommandShape } from './command-shape.ts';
import {
  type CandidateWord,
  type CompletionPlace,
  completionPlaces,
  functionName,
  madeBy,
  valueTag,
} from './completion-places.ts';

/** The completion of a program for fish, 3.0 or later. */
export function fishCompletion(program: CommandShape): string {
  const places = completionPlaces(program);
  const name = `_${functionName(program)}`;
  return `${madeBy(program, 'fish')}
function ${name}
    set -l place ''
    set -l value ''
    set -l current (commandline -ct)
    for word in (commandline -opc)[2..-1]
        switch $value
            case ''
            case '*...'
                string match -q -- '-*' $word; or continue
                set value ''
            case '*'
                set value ''
                continue
        end
        switch "$place $word"
${places.flatMap(steps).join('\n')}
        end
    end
    if string match -q -- '-*' $current; and string match -q -- '*...' $value
        set value ''
    end
    if test -z "$value"; and string match -q -- '-*' $current
        switch $place
${places.map(({ place, options }) => inCase(place, candidates(options))).join('\n')}
        end
        return
    end
    if test -z "$value"
        switch $place
${places.map(nextWord).join('\n')}
        end
    end
    switch (string replace -r '\\.\\.\\.$' '' -- $value)
        case '=*'
            string split ' ' -- (string replace -r '\\.\\.\\.$' '' -- (string sub -s 2 -- $value))
        case file
            __fish_complete_path $current
        case directory
            __fish_complete_directories $current
        case interface
            __fish_print_interfaces
        case user
            __fish_complete_users
    end
end
complete -c ${program.name} -f -a '(${name})'
`;
}

/** What a word leads to: another place, or a value. */
function steps({ place, commands, values }: CompletionPlace): readonly string[] {
  return [
    ...commands.map(({ word }) => inCase(`${place} ${word}`, [`set place '${place} ${word}'`])),
    ...values.map(({ names, value }) => {
      const patterns = names.map((name) => `'${place} ${name}'`).join(' ');
      return `            case ${patterns}\n                set value '${valueTag(value)}'`;
    }),
  ];
}

/** Where a command takes nothing else, its options follow. */
function nextWord({ place, commands, argument, options }: CompletionPlace): string {
  if (commands.length > 0) return inCase(place, candidates(commands));
  if (argument !== undefined) return inCase(place, [`set value '${valueTag(argument)}'`]);
  return inCase(place, candidates(options));
}

function inCase(pattern: string, lines: readonly string[]): string {
  return [`            case '${pattern}'`, ...lines.map((line) => `                ${line}`)].join('\n');
}

/** Each on a line of its own, with a tab before what it does. */
function candidates(words: readonly CandidateWord[]): readonly string[] {
  return words.map(({ word, description }) => `printf '%s\\t%s\\n' ${word} ${quoted(description)}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
