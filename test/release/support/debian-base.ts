import { execFile, execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sharedFolder } from './shared-folder.ts';

/** The releases of Debian that are tested on, by their version. */
export const DEBIANS = { 12: 'bookworm', 13: 'trixie' } as const;
export type DebianVersion = keyof typeof DEBIANS;

/** The smallest installation, and what every server with systemd has besides. */
const OPTIONS = ['--variant=minbase', '--include=adduser,iproute2,systemd'];

/**
 * Installs these releases of Debian at the same time, each into a folder that nobody writes to afterwards; from where this machine gets
 * its packages. Takes a minute or more, once in a run.
 */
export async function makeDebianBases(versions: readonly DebianVersion[]): Promise<void> {
  await Promise.all(versions.map(make));
}

/** The folder of one that was made. */
export function debianBase(version: DebianVersion): string {
  return join(sharedFolder(), DEBIANS[version]);
}

/** An archive of one that was made, for what takes no folder. */
export function debianArchive(version: DebianVersion): string {
  const base = debianBase(version);
  const archive = `${base}.tar`;
  if (existsSync(archive)) return archive;
  execFileSync('tar', ['--create', '--file', `${archive}.new`, '--directory', base, '.']);
  renameSync(`${archive}.new`, archive);
  return archive;
}

async function make(version: DebianVersion): Promise<void> {
  const base = debianBase(version);
  if (existsSync(base)) return;
  const unfinished = `${base}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  await promisify(execFile)('debootstrap', [...OPTIONS, DEBIANS[version], unfinished, mirror()]);
  await rename(unfinished, base);
}

/** That which apt uses first. */
function mirror(): string {
  const targets = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'],
    {
      encoding: 'utf8',
    },
  );
  const [first] = targets.split('\n');
  if (first === undefined || first === '') throw new Error('apt has no sources: run apt-get update');
  return first;
}
