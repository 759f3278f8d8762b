import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * Reads process ids until the pipe ends, which it also does when the process that holds it is killed; then kills them and removes the
 * folder, until both is done: a process that waits for the disk dies late, and may still make a file. A line `-` forgets them all.
 */
const SCRIPT = `
pids=
while read -r line; do
  case $line in -) pids= ;; *) pids="$pids $line" ;; esac
done
for try in 1 2 3 4 5 6 7 8 9 10; do
  alive=
  for pid in $pids; do kill -KILL "$pid" 2>/dev/null && alive=1; done
  rm -rf -- "$1" && [ -z "$alive" ] && exit
  sleep 1
done`;

/** A process that cleans up behind this one, however this one ends. Without a POSIX shell there is none. */
export class Janitor {
  readonly #pipe: Writable | undefined;

  /** @param folder removed at the end; need not exist yet */
  constructor(folder: string) {
    // In a process group of its own, so that what ends ours leaves it.
    const janitor = spawn('sh', ['-c', SCRIPT, 'sh', folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    janitor.on('error', () => {});
    janitor.stdin?.on('error', () => {});
    janitor.unref();
    this.#pipe = janitor.stdin ?? undefined;
  }

  /** A process that must not outlive this one. */
  watch(pid: number | undefined): void {
    if (pid !== undefined) this.#pipe?.write(`${pid}\n`);
  }

  /** All that were told have ended. */
  forget(): void {
    this.#pipe?.write('-\n');
  }

  /** Everything is cleaned up. */
  release(): void {
    this.#pipe?.end('-\n');
  }
}
