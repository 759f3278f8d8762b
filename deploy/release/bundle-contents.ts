import { join } from 'node:path';
import type { BundledPrograms } from './bundle-programs.ts';
import { type Component, installedComponent, licenceText, lockedPackages } from './component.ts';
import { PROJECT_FOLDER, ReleaseError } from './project.ts';
import { fetchPackage, type RegistryPackage } from './registry-package.ts';
import { NODE_VERSION, type Target } from './targets.ts';

/** What of others a bundle has inside. */
export interface BundleContents {
  /** Undefined where the machine must have Node.js. */
  readonly node: RegistryPackage | undefined;
  /** The library of koffi for the target. */
  readonly native: RegistryPackage;
  /** All of it, by name. */
  readonly components: readonly Component[];
}

/** Packages that the page is served from; they are looked for at run time, and so stay as they are. */
export const PAGE_PACKAGES = ['htm', 'uplot'] as const;
/** Packages that are not bundled but copied. */
const COPIED_PACKAGES = ['koffi', ...PAGE_PACKAGES];
/**
 * What stands inside files of other packages, which do not tell its version, and where its licence is: Preact in the one file of htm that is
 * copied, and headers in the library of koffi.
 */
const INSIDE_OTHERS = {
  preact: 'node_modules/preact',
  'node-addon-api': 'node_modules/koffi/vendor/node-addon-api',
  'node-api-headers': 'node_modules/koffi/vendor/node-api-headers',
} as const;
/** Of all of these. */
const INSIDE_LICENCE = 'MIT';
/** Of Node.js itself; its own file has the texts of all that is inside it. */
const NODE_LICENCE = 'MIT';

/** Fetches what a bundle needs that is not installed. Rejects with ReleaseError. */
export async function bundleContents(target: Target, programs: BundledPrograms): Promise<BundleContents> {
  const { cpu, nodeIntegrity } = target;
  const node =
    nodeIntegrity === undefined
      ? undefined
      : await fetchPackage(`node-linux-${cpu}`, NODE_VERSION, nodeIntegrity);
  const nativeName = `@koromix/koffi-linux-${cpu}`;
  const locked = lockedPackages()[`node_modules/${nativeName}`];
  if (locked?.integrity === undefined) throw new ReleaseError(`package-lock.json lacks ${nativeName}`);
  const native = await fetchPackage(nativeName, locked.version, locked.integrity);

  const folders = [...programs.packageFolders, ...COPIED_PACKAGES.map((name) => `node_modules/${name}`)];
  const installed = [...new Set(folders)].map(installedComponent);
  const koffi = installed.find(({ name }) => name === 'koffi')!;
  const components = [
    ...installed,
    ...Object.entries(INSIDE_OTHERS).map(([name, folder]) => componentInside(name, folder)),
    // A part of koffi, without a text of its own.
    { ...native, licence: koffi.licence, licenceText: koffi.licenceText },
    ...(node === undefined
      ? []
      : [{ ...node, licence: NODE_LICENCE, licenceText: licenceText(node.folder) }]),
  ];
  return { node, native, components: components.sort((one, other) => (one.name < other.name ? -1 : 1)) };
}

function componentInside(name: string, folder: string): Component {
  const text = licenceText(join(PROJECT_FOLDER, folder));
  // It may have changed with a newer version.
  if (!/^(The )?MIT License/.test(text))
    throw new ReleaseError(`${folder} is not under the licence ${INSIDE_LICENCE}`);
  return { name, version: undefined, licence: INSIDE_LICENCE, licenceText: text, integrity: undefined };
}
