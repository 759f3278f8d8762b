import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER, ReleaseError, run } from './project.ts';

/** A package of the npm registry, unpacked. */
export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-` and the checksum of its archive in base64. */
  readonly integrity: string;
  readonly folder: string;
}

/** Where what was fetched once stays, outside of what a build removes. */
const CACHE_FOLDER = join(PROJECT_FOLDER, 'node_modules', '.cache', 'tributary');

/** Fetches a package for another machine than this one, which `npm ci` leaves out. Rejects with ReleaseError where it is not the expected one. */
export async function fetchPackage(
  name: string,
  version: string,
  integrity: string,
): Promise<RegistryPackage> {
  const folder = join(CACHE_FOLDER, `${name.replaceAll('/', '+')}-${version}`);
  if (!existsSync(folder)) {
    await mkdir(CACHE_FOLDER, { recursive: true });
    const [{ filename }] = JSON.parse(
      await run('npm', ['pack', `${name}@${version}`, '--json', '--pack-destination', CACHE_FOLDER]),
    ) as [{ filename: string }];
    const archive = join(CACHE_FOLDER, filename);
    const found = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (found !== integrity) {
      throw new ReleaseError(`${name}@${version} has the checksum ${found}, ${integrity} was expected`);
    }
    // Whole or not at all, should this be interrupted.
    const unpacked = `${folder}.part`;
    await rm(unpacked, { recursive: true, force: true });
    await mkdir(unpacked);
    await run('tar', ['-xzf', archive, '--strip-components=1', '--no-same-owner', '-C', unpacked]);
    await rename(unpacked, folder);
    await rm(archive);
  }
  return { name, version, integrity, folder };
}
