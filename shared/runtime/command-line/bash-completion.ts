import type { CommandShape } from './command-shape.ts';
import { type CandidateWord, completionPlaces, functionName, madeBy } from './completion-places.ts';
import { nextCase, optionCase, stepCases } from './shell-cases.ts';

/** The completion of a program for bash, 3.2 or later; it needs no other file. */
export function bashCompletion(program: CommandShape): string {
  const places = completionPlaces(program);
  const name = functionName(program);
  return `${madeBy(program, 'bash')}
${name}() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} place='' value='' words='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash makes a word of its own of what stands between an option and its value.
    [[ $word == = ]] && continue
    case $value in
      '') ;;
      *...) [[ $word == -* ]] || continue; value='' ;;
      *) value=''; continue ;;
    esac
    case "$place $word" in
${places.flatMap(stepCases).map(indent).join('\n')}
    esac
  done
  [[ $current == = ]] && current=''
  [[ $value == *... && $current == -* ]] && value=''
  if [[ -z $value && $current == -* ]]; then
    case $place in
${places.map((place) => indent(optionCase(place, assign))).join('\n')}
    esac
  elif [[ -z $value ]]; then
    case $place in
${places.map((place) => indent(nextCase(place, assign))).join('\n')}
    esac
  fi
  value=\${value%...}
  case $value in
    '='*) words=\${value#=} ;;
    interface) words=$(command ls /sys/class/net 2>/dev/null) ;;
    file) IFS=$'\\n' COMPREPLY=($(compgen -f -- "$current")) ;;
    directory) IFS=$'\\n' COMPREPLY=($(compgen -d -- "$current")) ;;
    user) COMPREPLY=($(compgen -u -- "$current")) ;;
  esac
  if [[ $value == file || $value == directory ]]; then
    compopt -o filenames 2>/dev/null
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F ${name} ${program.name}
`;
}

function assign(candidates: readonly CandidateWord[]): string {
  return `words='${candidates.map(({ word }) => word).join(' ')}'`;
}

function indent(line: string): string {
  return `      ${line}`;
}
