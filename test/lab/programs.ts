import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { isOnPath } from '../bed/on-path.ts';

/** A machine that is busy takes its time to start a program. */
const READY_TIMEOUT_MS = 30_000;
const LOOK_EVERY_MS = 20;
const STOP_TIMEOUT_MS = 5_000;
/** States of sockets in /proc/net/tcp (include/net/tcp_states.h). */
const LISTEN = '0A';
const ESTABLISHED = '01';

/** Says which Debian package to install when a program is not on the PATH; undefined when all are. */
export function missingProgram(
  programs: readonly { name: string; aptPackage: string }[],
): string | undefined {
  const missing = programs.find(({ name }) => !isOnPath(name));
  return missing && `no ${missing.name}: apt-get install ${missing.aptPackage}`;
}

/** Resolves when the process, in its own network namespace, listens at a TCP port. Rejects when it ends or does not. */
export async function untilListening(child: ChildProcess, port: number, what: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await listens(child.pid ?? 0, port))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${what} ended with ${child.signalCode ?? child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`${what} does not listen at port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Ends a program with SIGTERM, or with SIGKILL when that takes too long. */
export async function endProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

/** How many TCP connections to a local port there are in the network namespace of a process. */
export function connectionCount(pid: number, port: number): Promise<number> {
  return socketCount(pid, port, ESTABLISHED);
}

async function listens(pid: number, port: number): Promise<boolean> {
  return (await socketCount(pid, port, LISTEN)) > 0;
}

async function socketCount(pid: number, port: number, wanted: string): Promise<number> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let count = 0;
  for (const table of ['tcp', 'tcp6']) {
    const text = await readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      const [, local, , state] = line.trim().split(/\s+/);
      if (state === wanted && local?.endsWith(suffix)) count++;
    }
  }
  return count;
}
