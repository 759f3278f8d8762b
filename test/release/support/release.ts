import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../end-to-end/support/program.ts';
import { npmRun } from './make.ts';
import { sharedFolder } from './shared-folder.ts';

export const { version: VERSION } = JSON.parse(
  readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8'),
) as {
  version: string;
};
/** Later than any. */
export const NEWER = '999.0.0';

/** The bundle for x64, as a folder, and packages of it, made once in a run, in a folder with a blank. @returns the folder where they are */
export async function madePackages(): Promise<string> {
  const made = join(sharedFolder(), 'made packages');
  if (existsSync(made)) return made;
  const unfinished = `${made}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  await npmRun('packages', ['--target', 'linux-x64', '--output', unfinished]);
  renameSync(unfinished, made);
  return made;
}

/** The name of a bundle. */
export function bundleName(version: string): string {
  return `tributary-${version}-linux-x64`;
}

/**
 * What a release has for install.sh, with that, made once in a run: of this version, or the same programs as another one.
 * @returns the folder
 */
export async function madeRelease(version: string): Promise<string> {
  const folder = join(sharedFolder(), `release-${version}`);
  if (existsSync(folder)) return folder;
  const made = await madePackages();
  const name = bundleName(version);
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  if (version === VERSION) copyFileSync(join(made, `${name}.tar.gz`), join(unfinished, `${name}.tar.gz`));
  else archiveAs(version, join(made, bundleName(VERSION)), unfinished);
  writeFileSync(
    join(unfinished, 'SHA256SUMS'),
    execFileSync('sha256sum', [`${name}.tar.gz`], { cwd: unfinished }),
  );
  copyFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), join(unfinished, 'install.sh'));
  renameSync(unfinished, folder);
  return folder;
}

/** A bundle that says it has this version. Quickly, rather than small. */
function archiveAs(version: string, bundle: string, folder: string): void {
  const name = bundleName(version);
  const copy = join(folder, name);
  copyBundleAs(version, bundle, copy);
  execFileSync('tar', ['--use-compress-program=gzip -1', '-cf', `${name}.tar.gz`, name], { cwd: folder });
  rmSync(copy, { recursive: true });
}

/** Copies the folder of a bundle, and has the programs of the copy say this version. */
export function copyBundleAs(version: string, bundle: string, copy: string): void {
  cpSync(bundle, copy, { recursive: true, verbatimSymlinks: true });
  tellVersion(join(copy, 'lib/package.json'), version);
}

/** Writes the version into the file that programs know theirs from. */
export function tellVersion(file: string, version: string): void {
  const details = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...details, version }));
}
