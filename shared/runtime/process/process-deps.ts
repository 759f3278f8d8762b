import { homedir } from 'node:os';
import type { CommandLineDeps } from '../config/command-line.ts';
import type { NativeLoad } from '../kernel/native.ts';
import { loadNative } from '../kernel/native.ts';
import { createLogger, type LoggerOptions } from '../observe/logger.ts';
import { programVersion } from './version.ts';

/** The part of `process` that the programs use; handed in by main.ts, which alone may touch the real one. */
export interface ProgramProcess {
  readonly stdout: { readonly isTTY?: boolean; write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Record<string, string | undefined>;
  readonly version: string;
  cwd(): string;
  geteuid?(): number;
}

/** What both command lines get from the process. */
export function commandLineDeps(process: ProgramProcess): CommandLineDeps {
  return {
    version: programVersion(),
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    cwd: process.cwd(),
    env: process.env,
    homeDirectory: homedir(),
    isRoot: process.geteuid?.() === 0,
    now: () => new Date(),
  };
}

/** What both running programs get from the process. */
export function programDeps(process: ProgramProcess, log: Pick<LoggerOptions, 'level' | 'format'>) {
  return {
    logger: createLogger({ ...log, isTty: process.stdout.isTTY ?? false, destination: process.stdout }),
    clock: () => performance.now(),
    wallClock: () => Date.now(),
    random: Math.random,
    native: loadNative() satisfies NativeLoad,
    version: programVersion(),
    nodeVersion: process.version,
  };
}
