import { homedir } from 'node:os';
import type { Logger } from 'pino';
import type { MonotonicClock, WallClock } from '../clock.ts';
import type { CommandLineDeps } from '../config/command-line.ts';
import { loadNative, type NativeLoad } from '../kernel/native.ts';
import type { OutputStream } from '../observe/log-sinks.ts';
import type { ProcessSignals } from './process-life.ts';
import type { StandardStreams } from './standard-streams.ts';
import { programVersion } from './version.ts';

/** The part of `process` that the programs use; handed in by main.ts, which alone may touch the real one. */
export interface ProgramProcess extends ProcessSignals {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Record<string, string | undefined>;
  readonly version: string;
  exitCode?: number | string | null | undefined;
  cwd(): string;
  geteuid?(): number;
  exit(code?: number): never;
  on(event: 'uncaughtException', listener: (error: unknown, origin: string) => void): unknown;
  on(...args: Parameters<ProcessSignals['on']>): unknown;
}

/** What both command lines get from the process. */
export function commandLineDeps(process: ProgramProcess, streams: StandardStreams): CommandLineDeps {
  return {
    version: programVersion(),
    stdout: (text) => streams.print(text),
    stderr: (text) => streams.explain(text),
    cwd: process.cwd(),
    env: process.env,
    homeDirectory: homedir(),
    isRoot: process.geteuid?.() === 0,
    now: () => new Date(),
    clock: () => performance.now(),
  };
}

/** What both running programs get from the process. */
export interface ProgramDeps {
  readonly logger: Logger;
  /** Log lines that could not be written. */
  readonly droppedLogLines?: () => number;
  /** Writes a finished line of another process of this program to the log. */
  readonly writeLogLine?: (line: string) => void;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly native: NativeLoad;
  readonly version: string;
  readonly nodeVersion: string;
}

export function programDeps(
  process: ProgramProcess,
  logged: Pick<ProgramDeps, 'logger' | 'droppedLogLines' | 'writeLogLine'>,
): ProgramDeps {
  return {
    ...logged,
    clock: monotonicClock,
    wallClock: () => Date.now(),
    random: Math.random,
    native: loadNative(),
    version: programVersion(),
    nodeVersion: process.version,
  };
}

/** The process's own clock, in milliseconds. */
export function monotonicClock(): number {
  return performance.now();
}
