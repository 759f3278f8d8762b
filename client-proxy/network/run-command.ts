import { execFile } from 'node:child_process';

/** What a command printed. */
export interface CommandResult {
  /** Not 0: something failed. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLimits {
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  /** Of what it prints; UTF-8 where absent. */
  readonly encoding?: BufferEncoding;
}

/** Whether nothing can be run there, now or later; other errors are of a moment (no memory, no descriptors). */
export function isNoProgram({ code }: NodeJS.ErrnoException): boolean {
  return NO_PROGRAM.has(code ?? '');
}

const NO_PROGRAM: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG']);

/**
 * Runs a command to its end, or kills it when its time is up; undefined where there is no such program. Rejects when it could not
 * be run to its end.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  { timeoutMs, maxOutputBytes, encoding = 'utf8' }: CommandLimits,
  input = '',
): Promise<CommandResult | undefined> {
  return new Promise<CommandResult | undefined>((resolve, reject) => {
    const limits = {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: maxOutputBytes,
      encoding,
    } as const;
    const child = execFile(command, args, limits, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr });
      else reject(error);
    });
    // It may have ended before it has read everything.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  }).catch((error: Error) => {
    // Some errors are thrown, and not told.
    if (isNoProgram(error)) return undefined;
    throw error;
  });
}
