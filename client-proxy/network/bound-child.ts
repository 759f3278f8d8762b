import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * A shell becomes the command, after it has started another that reads from a pipe of this program. When that ends without a line,
 * this program has been killed, and the command is killed too. A command whose end was seen here gets its line, so that its process
 * id, which may be in use again, is left alone.
 */
const SCRIPT = '{ read -r line <&3 || kill -KILL $$; } >/dev/null 2>&1 & exec "$@" 3<&-';

/** Exit codes of a shell for a command that it does not find, or cannot run (POSIX.1-2017, shell, 2.8.2). */
const NOT_RUN: ReadonlySet<number | null> = new Set([126, 127]);

/** Whether a bound child has ended because there is no such command. */
export function isNotRun(exitCode: number | null): boolean {
  return NOT_RUN.has(exitCode);
}

/**
 * Starts a command that ends with this program, also when the program is killed; its process id is the child's. Only its output is
 * read. May throw, and emits 'error' where there is no shell.
 */
export function spawnBound(command: string, args: readonly string[]): ChildProcess {
  const child = spawn('sh', ['-c', SCRIPT, 'sh', command, ...args], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  // There is none when no descriptor is left for it.
  const life = child.stdio[3] as Socket | null | undefined;
  life?.on('error', () => {});
  child.once('exit', () => life?.end('\n', () => life.destroy()));
  return child;
}
