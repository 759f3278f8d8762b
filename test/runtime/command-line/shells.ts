import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { type ProgramName, programOutput } from '../../support/program-output.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const TIMEOUT_MS = 30_000;

/** What a real shell offers behind `words`, the last of which is being typed, by the completion that the program prints. */
export async function offered(
  shell: Shell,
  program: ProgramName,
  words: readonly string[],
): Promise<readonly string[]> {
  const folder = await temporaryDirectory();
  const script = join(folder, 'completion');
  await writeFile(script, await programOutput(program, ['completion', shell]));
  const text = await ASK[shell](script, [program, ...words], folder);
  return [...new Set(text.split('\n').map((line) => line.split('\t')[0]!.trim()))].filter(
    (line) => line !== '',
  );
}

const ASK: Record<Shell, (script: string, words: readonly string[], folder: string) => Promise<string>> = {
  async bash(script, words) {
    const code = `source "$1" || exit 1; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"_\${1//-/_}" "$1" "\${!#}" "\${@:$#-1:1}"; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return stdoutOf('bash', ['--noprofile', '--norc', '-c', code, 'bash', script, ...words]);
  },
  async fish(script, words) {
    return stdoutOf('fish', ['--no-config', '-c', `source ${script}; complete -C '${words.join(' ')}'`]);
  },
  /** Completion of zsh runs in its line editor alone: the line is typed into one in a terminal, and every match is written down. */
  async zsh(script, words, folder) {
    const found = join(folder, 'found');
    const setup = join(folder, 'setup');
    await writeFile(setup, zshSetup(script, found));
    const code = `zmodload zsh/zpty
zpty -b editor zsh -f -i
zpty -w editor "source ${setup}"
for try in {1..200}; do [[ -e ${found}.ready ]] && break; sleep 0.05; done
zpty -w -n editor ${JSON.stringify(words.join(' '))}$'\\t'
for try in {1..200}; do [[ -e ${found}.done ]] && break; sleep 0.05; done
zpty -d editor`;
    await stdoutOf('zsh', ['-f', '-c', code]);
    return readFile(found, 'utf8');
  },
};

function zshSetup(script: string, found: string): string {
  return `PROMPT= TERM=dumb
autoload -Uz compinit; compinit -u -D
source ${script}
compadd() {
  local -a hits
  if [[ " \${@[1,(i)(-|--)]} " == *' -'[OAD]' '* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A hits "$@"
  print -rl -- $hits >> ${found}
  builtin compadd "$@"
}
capture() { : >> ${found}; _main_complete; : > ${found}.done }
zle -C capture complete-word capture
bindkey '^I' capture
: > ${found}.ready
`;
}

async function stdoutOf(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...args], { timeout: TIMEOUT_MS });
  return stdout;
}
