import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The release that the programs of this checkout must still understand. To be moved on with each release. */
export const PREVIOUS_RELEASE = '36deb90d060bee99a1710953a0d8210b2cef604f';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Root may work on the checkout of somebody else. */
const GIT = ['-c', 'safe.directory=*', '-C', ROOT];
const BUILD_TIMEOUT_MS = 120_000;

/** Why there is no previous release to test against; undefined also where it is missing although all history is there. */
export function whyNoPreviousRelease(): string | undefined {
  if (git('rev-parse', '--is-shallow-repository') === undefined) return 'this is no git checkout';
  if (git('cat-file', '-e', `${PREVIOUS_RELEASE}^{commit}`) !== undefined) return undefined;
  const isShallow = git('rev-parse', '--is-shallow-repository') === 'true';
  return isShallow ? `this checkout lacks the commit ${PREVIOUS_RELEASE}: git fetch --unshallow` : undefined;
}

/** The previous release, built in a temporary folder with this checkout's compiler and packages; and how to remove it. */
export async function buildPreviousRelease(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-release-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await unpack(folder);
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = { cwd: folder, timeout: BUILD_TIMEOUT_MS };
    await promisify(execFile)(process.execPath, [compiler, '-p', 'tsconfig.build.json'], options);
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function unpack(folder: string): Promise<void> {
  const archive = join(folder, 'release.tar');
  await promisify(execFile)('git', [...GIT, 'archive', '--output', archive, PREVIOUS_RELEASE]);
  await promisify(execFile)('tar', ['-xf', archive, '-C', folder]);
}

/** What git prints; undefined when it fails. */
function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', [...GIT, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
