import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The checkout that this file was compiled in. */
export const PROJECT_FOLDER = projectFolder();

export const { version: VERSION } = JSON.parse(
  readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8'),
) as {
  version: string;
};

/** Something stands against what was asked for; the message says what, and what to do. */
export class ReleaseError extends Error {}

/**
 * The time that all files of a release get, in seconds: that of the commit, or `SOURCE_DATE_EPOCH`
 * (https://reproducible-builds.org/specs/source-date-epoch/). Throws ReleaseError.
 */
export function sourceDateEpoch(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d{1,12}$/.test(given)) return Number(given);
  try {
    return Number(git('log', '-1', '--format=%ct'));
  } catch {
    throw new ReleaseError(
      'this is no git checkout with a commit: set SOURCE_DATE_EPOCH to a time in seconds',
    );
  }
}

/** What git prints about this checkout, which may belong to somebody else. Throws where git fails. */
export function git(...args: readonly string[]): string {
  const all = ['-c', 'safe.directory=*', '-C', PROJECT_FOLDER, ...args];
  return execFileSync('git', all, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Enough for a list of all files of an archive. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a program in the checkout and resolves to what it prints. Rejects with ReleaseError and what it complains of. */
export async function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const running = promisify(execFile)(program, [...args], {
      cwd: PROJECT_FOLDER,
      env: { ...process.env, ...environment },
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    // What asks for a password fails, in place of waiting for ever.
    running.child.stdin?.end();
    return (await running).stdout;
  } catch (error) {
    const { message, stderr = '' } = error as Error & { stderr?: string };
    throw new ReleaseError(`${program} failed: ${stderr.trim() || message}`);
  }
}

function projectFolder(): string {
  let folder = import.meta.dirname;
  while (!isProject(folder)) folder = dirname(folder);
  return folder;
}

function isProject(folder: string): boolean {
  try {
    return readFileSync(join(folder, 'package-lock.json')).length > 0;
  } catch {
    return false;
  }
}
