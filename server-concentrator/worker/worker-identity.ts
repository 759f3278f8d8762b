import type { LogFormat, LogLevel } from '../../shared/runtime/config/schema-pieces.ts';

/** What a worker knows when it starts, before it is told the rest. */
export interface WorkerIdentity {
  /** From 1, for people. */
  readonly number: number;
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** In the environment of workers: a `WorkerIdentity` in JSON. */
export const WORKER_VARIABLE = 'TRIBUTARY_WORKER';
/** What the environment says of this process: undefined where it is no worker. */
export function workerIdentity(
  env: Readonly<Record<string, string | undefined>>,
): WorkerIdentity | undefined {
  const text = env[WORKER_VARIABLE];
  return text === undefined ? undefined : (JSON.parse(text) as WorkerIdentity);
}
