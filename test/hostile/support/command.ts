import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { programFile } from '../../end-to-end/support/program.ts';

export interface CommandOptions {
  /** What it reads from standard input. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What other users saw of its command line while it ran; Linux. */
  readonly commandLine: string;
}

/** A command hangs if it takes longer. */
const LIMIT_MS = 20_000;

/** Runs a command of one of the built programs. */
export async function runCommand(
  program: 'client-proxy' | 'server-concentrator',
  args: readonly string[],
  { input = '', cwd, env }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [programFile(program), ...args], {
    stdio: 'pipe',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  const commandLine = child.spawnargs.join(' ');
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr, commandLine };
}

/** The same; rejects unless it exits with 0. @returns what it printed */
export async function succeed(...[program, args, options]: Parameters<typeof runCommand>): Promise<string> {
  const { code, stdout, stderr } = await runCommand(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}
