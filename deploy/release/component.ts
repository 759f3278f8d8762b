import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER, ReleaseError } from './project.ts';

/** A package of somebody else, of which a bundle has something inside. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** An SPDX licence expression. */
  readonly licence: string;
  readonly licenceText: string;
  /** `sha512-` and the checksum of the package in the npm registry. */
  readonly integrity: string;
}

/** Texts that a licence wants to be handed on: the licence itself, and notices. */
const LICENCE_FILES = /^(licen[cs]e|copying|notice)/i;
/** The section of a README that has the whole text, as some small packages do it. */
const LICENCE_SECTION = /^#+ *licen[cs]e *\n([^#]*^Copyright [^#]*Permission is hereby granted[^#]*)/im;

/** An installed package. @param folder from the project's folder. Throws ReleaseError where its licence or checksum is missing. */
export function installedComponent(folder: string): Component {
  const { name, version, license } = packageOf(join(PROJECT_FOLDER, folder));
  const integrity = lockedPackages()[folder]?.integrity;
  if (integrity === undefined) throw new ReleaseError(`package-lock.json has no checksum of ${folder}`);
  const text = licenceText(join(PROJECT_FOLDER, folder));
  if (license === undefined || text === '') {
    throw new ReleaseError(`${folder} does not say its licence, so it cannot be handed on`);
  }
  return { name, version, licence: license, licenceText: text, integrity };
}

/** The checksums of all packages, by folder. */
export function lockedPackages(): Readonly<Record<string, { version: string; integrity?: string }>> {
  const lock = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity?: string }>;
  };
  return lock.packages;
}

/** The texts of a package about its licence, in files of their own or else in its README; empty where it has none. */
export function licenceText(folder: string): string {
  const names = readdirSync(folder).filter((name) => LICENCE_FILES.test(name));
  const readme = join(folder, 'README.md');
  if (names.length === 0 && existsSync(readme)) {
    return LICENCE_SECTION.exec(readFileSync(readme, 'utf8'))?.[1]?.trim() ?? '';
  }
  return names
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())
    .join('\n\n');
}

function packageOf(folder: string): { name: string; version: string; license?: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
}
