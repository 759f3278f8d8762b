/* Packages as a later release would have them: the same programs, which say another version. Made quickly, rather than small. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { makeRpmPackages } from '../../../deploy/release/rpm-packages.ts';
import { TARGETS } from '../../../deploy/release/targets.ts';
import { EPOCH_SECONDS } from './make.ts';
import { copyBundleAs, tellVersion } from './release.ts';

/** The file that programs know their version from, in a package. */
const OWN_DETAILS = 'usr/lib/tributary/lib/package.json';

/**
 * Makes Debian's packages again. What is not among them stays at its version, and the others go on needing that.
 *
 * @param from the files
 * @param amend what else is other in the files of each
 */
export function newerDebianPackages(
  from: readonly string[],
  version: string,
  folder: string,
  amend: (root: string) => void = () => {},
): void {
  mkdirSync(folder, { recursive: true });
  const names = from.map((file) => basename(file).replace(/(_.*)?\.deb$/, ''));
  for (const [i, file] of from.entries()) {
    const root = mkdtempSync(join(folder, '.package-'));
    execFileSync('dpkg-deb', ['--raw-extract', file, root]);
    const control = join(root, 'DEBIAN/control');
    const text = readFileSync(control, 'utf8')
      .replace(/^Version: .*/m, `Version: ${version}`)
      .replaceAll(/(\S+) \(= [^)]*\)/g, (whole, name: string) =>
        names.includes(name) ? `${name} (= ${version})` : whole,
      );
    writeFileSync(control, text);
    // Of the three, one has it.
    const details = join(root, OWN_DETAILS);
    if (existsSync(details)) tellVersion(details, version);
    amend(root);
    const made = join(folder, `${names[i]}.deb`);
    execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', root, made]);
    rmSync(root, { recursive: true });
  }
}

/** Makes packages for rpm of a bundle for x64. Resolves to their files. */
export async function newerRpmPackages(
  bundle: string,
  version: string,
  folder: string,
): Promise<readonly string[]> {
  const copy = join(folder, 'bundle');
  copyBundleAs(version, bundle, copy);
  const target = TARGETS.find(({ name }) => name === 'linux-x64')!;
  return makeRpmPackages(target, copy, folder, EPOCH_SECONDS, version);
}

/** Makes a package of pacman again, into another folder, and returns its file. */
export function newerArchPackage(from: string, version: string, folder: string): string {
  const root = mkdtempSync(join(folder, '.package-'));
  execFileSync('tar', ['-xf', from, '-C', root]);
  const details = join(root, '.PKGINFO');
  writeFileSync(details, readFileSync(details, 'utf8').replace(/^pkgver = .*/m, `pkgver = ${version}-1`));
  tellVersion(join(root, OWN_DETAILS), version);
  const file = join(folder, `tributary-${version}-1-x86_64.pkg.tar`);
  const files = ['.PKGINFO', ...readdirSync(root).filter((name) => name !== '.PKGINFO')];
  execFileSync('tar', ['--owner=0', '--group=0', '-cf', `${file}.new`, '-C', root, ...files]);
  renameSync(`${file}.new`, file);
  rmSync(root, { recursive: true });
  return file;
}
