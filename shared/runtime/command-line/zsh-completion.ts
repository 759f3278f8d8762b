import type { CommandShape } from './command-shape.ts';
import { type CandidateWord, completionPlaces, functionName, madeBy } from './completion-places.ts';
import { nextCase, optionCase, stepCases } from './shell-cases.ts';

/** The completion of a program for zsh: to be a file `_PROGRAM` in a folder of `fpath`, or to be sourced behind `compinit`. */
export function zshCompletion(program: CommandShape): string {
  const places = completionPlaces(program);
  const name = functionName(program);
  return `#compdef ${program.name}
${madeBy(program, 'zsh')}
# Goes one word on from \`place\`.
${name}_step() {
  case "$place $1" in
${places.flatMap(stepCases).map(indent).join('\n')}
  esac
}
${name}() {
  local place='' value='' word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case $value in
      '') ;;
      *...) [[ $word == -* ]] || continue; value='' ;;
      *) value=''; continue ;;
    esac
    ${name}_step "$word"
  done
  [[ $value == *... && $PREFIX == -* ]] && value=''
  if [[ -z $value && $PREFIX == --*=* ]]; then
    ${name}_step "\${PREFIX%%=*}"
    compset -P '*='
  elif [[ -z $value && $PREFIX == -* ]]; then
    case $place in
${places.map((place) => indent(optionCase(place, assign))).join('\n')}
    esac
    _describe -o option candidates
    return
  elif [[ -z $value ]]; then
    case $place in
${places.map((place) => indent(nextCase(place, assign))).join('\n')}
    esac
    [[ -n $value ]] || { _describe word candidates; return }
  fi
  case \${value%...} in
    '='*) candidates=(\${=\${value%...}#=}); compadd -a candidates ;;
    file) _files ;;
    directory) _path_files -/ ;;
    interface) _net_interfaces ;;
    user) _users ;;
  esac
}
if [[ \${funcstack[1]} == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program.name}
fi
`;
}

function assign(candidates: readonly CandidateWord[]): string {
  const words = candidates.map(({ word, description }) => quoted(`${word}:${description}`));
  return `candidates=(${words.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function indent(line: string): string {
  return `      ${line}`;
}
