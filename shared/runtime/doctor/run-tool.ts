import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** Where tools of the system are: a user's PATH often lacks the last two. */
const FOLDERS = ['/usr/local/sbin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'] as const;
/** They answer within milliseconds. */
const TIMEOUT_MS = 5_000;
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** Runs a tool of the system to its end; what it printed, or undefined where there is none, or it fails. */
export async function runTool(name: string, args: readonly string[]): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const result = await runOne(join(folder, name), args);
    if (result !== 'absent') return result;
  }
  return undefined;
}

function runOne(path: string, args: readonly string[]): Promise<string | undefined | 'absent'> {
  return new Promise((resolve) => {
    const limits = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const;
    execFile(path, args, limits, (error, stdout) => {
      if (error === null) resolve(stdout);
      else resolve(error.code === 'ENOENT' ? 'absent' : undefined);
    });
  });
}
