import { type ChildProcess, fork } from 'node:child_process';
import type { Readable } from 'node:stream';
import { WORKER_VARIABLE, type WorkerIdentity } from '../worker/worker-identity.ts';

/** How this program is started again. */
export interface ProgramFile {
  readonly script: string;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The descriptors that a worker gets begin behind its standard streams and its channel. */
export const FIRST_GIVEN_DESCRIPTOR = 4;

/** See `forkWorker`. */
export type ForkWorker = typeof forkWorker;

/** Starts a worker. @param heapOption of Node.js @param descriptors which it gets from `FIRST_GIVEN_DESCRIPTOR` on */
export function forkWorker(
  program: ProgramFile,
  identity: WorkerIdentity,
  heapOption: string,
  descriptors: readonly number[],
): ChildProcess {
  return fork(program.script, [], {
    // Before those of NODE_OPTIONS, and the last of a kind counts.
    execArgv: [...program.execArgv, heapOption],
    env: { ...program.env, [WORKER_VARIABLE]: JSON.stringify(identity) },
    // Bytes, maps and undefined arrive as they are.
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc', ...descriptors],
  });
}

/** Lines of a worker's log, each with its end. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let begun = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (begun + text).split('\n');
    begun = lines.pop()!;
    for (const line of lines) take(`${line}\n`);
  });
  stream.on('error', () => {});
}
