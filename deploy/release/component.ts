import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER, ReleaseError } from './project.ts';

/** A package of somebody else, of which a bundle has something inside. */
export interface Component {
  readonly name: string;
  /** Undefined where what it came with does not tell. */
  readonly version: string | undefined;
  /** An SPDX licence expression. */
  readonly licence: string;
  readonly licenceText: string;
  /** `sha512-` and the checksum of the package in the npm registry; undefined where there is no version. */
  readonly integrity: string | undefined;
}

/** Texts that a licence wants to be handed on: the licence itself, and notices. */
const LICENCE_FILES = /^(licen[cs]e|copying|notice)/i;
const README_FILE = /^readme(\.md)?$/i;

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

/** The texts of a package about its licence, of its README where no file has it; empty where it has none. */
export function licenceText(folder: string): string {
  const all = readdirSync(folder).sort();
  const texts = (names: readonly string[]) => names.map((name) => readFileSync(join(folder, name), 'utf8'));
  const own = texts(all.filter((name) => LICENCE_FILES.test(name)));
  if (own.length > 0) return own.map((text) => text.trim()).join('\n\n');
  const [readme = ''] = texts(all.filter((name) => README_FILE.test(name)));
  return sectionOnLicence(readme);
}

/** A name of the licence alone is not enough: the text must be there, and who has the rights. */
function sectionOnLicence(readme: string): string {
  const sections = readme.split(/^#+ */m).map((text) => text.trim());
  const section = sections.find((text) => /^licen[cs]e\b/i.test(text)) ?? '';
  return /copyright/i.test(section) && /permission/i.test(section) ? section : '';
}

function packageOf(folder: string): { name: string; version: string; license?: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
}
