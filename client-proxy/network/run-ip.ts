import { execFile } from 'node:child_process';

/** What `ip` (iproute2) printed; its exit code says only that some command failed. */
export interface IpResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Where it may be: a service's PATH often lacks the second and third. */
export const IP_COMMANDS = ['ip', '/usr/sbin/ip', '/sbin/ip'] as const;

/** It answers within milliseconds; a machine that is this slow gets no answer, and asks again. */
const TIMEOUT_MS = 5_000;
/** Ten thousand interfaces. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Whether nothing can be run there, now or later; other errors are of a moment (no memory, no descriptors). */
export function isNoProgram({ code }: NodeJS.ErrnoException): boolean {
  return NO_PROGRAM.has(code ?? '');
}

const NO_PROGRAM: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG']);

/** Runs `ip` to its end; undefined where none can be run. Rejects when it could not be run to its end. */
export async function runIp(
  args: readonly string[],
  input = '',
  commands: readonly string[] = IP_COMMANDS,
): Promise<IpResult | undefined> {
  for (const command of commands) {
    const result = await runOne(command, args, input);
    if (result !== undefined) return result;
  }
  return undefined;
}

/** Runs a program to its end, within a time limit; undefined where there is none. Rejects when it could not be run to its end. */
export function runOne(
  command: string,
  args: readonly string[],
  input: string,
): Promise<IpResult | undefined> {
  return new Promise<IpResult | undefined>((resolve, reject) => {
    const limits = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const;
    const child = execFile(command, args, limits, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ stdout, stderr });
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
