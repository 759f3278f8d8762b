import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT_FOLDER } from '../../end-to-end/support/program.ts';

/** Some time, in seconds. */
export const EPOCH_SECONDS = 1_764_000_000;

/** Runs one of the project's scripts in a checkout of it, with one time for all files. @returns what it prints */
export async function npmRun(
  script: string,
  args: readonly string[] = [],
  { folder = PROJECT_FOLDER, umask = '022', environment = {} } = {},
): Promise<string> {
  // Whoever runs npm in a script of npm hands all its settings down.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'));
  const { stdout } = await promisify(execFile)(
    'sh',
    ['-c', `umask ${umask}; exec npm run --silent "$@"`, 'sh', script, '--', ...args],
    {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), SOURCE_DATE_EPOCH: String(EPOCH_SECONDS), ...environment },
    },
  );
  return stdout;
}

/** The files below a folder, by their paths in it. */
export function filesIn(
  folder: string,
): ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = paths.filter((path) => statSync(join(folder, path)).isFile()).sort();
  return new Map(
    files.map((path) => {
      const content = readFileSync(join(folder, path));
      const sha256 = createHash('sha256').update(content).digest('hex');
      return [path, { bytes: content.length, sha256 }];
    }),
  );
}
