import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGE_LIBRARIES } from '../../shared/runtime/page/page-files.ts';
import { billOfMaterials, licenceList } from './bill-of-materials.ts';
import { type BundleContents, PAGE_PACKAGES } from './bundle-contents.ts';
import type { BundledPrograms } from './bundle-programs.ts';
import { PROJECT_FOLDER, run, VERSION } from './project.ts';
import { writeShellFiles } from './shell-files.ts';
import type { Target } from './targets.ts';

/** The programs of this project. */
export const PROGRAMS = ['tributary-client', 'tributary-concentrator'] as const;

/**
 * Makes a bundle: a folder that runs on any Linux with its C library, from wherever it is put. `bin` has the commands, `lib` the programs,
 * with Node.js unless the machine must have it, `share` what systems have below a folder of this name. Resolves to the folder.
 *
 * @param parent where it is made, in place of one of before
 */
export async function makeBundle(
  target: Target,
  parent: string,
  programs: BundledPrograms,
  contents: BundleContents,
  epochSeconds: number,
): Promise<string> {
  const folder = join(parent, `tributary-${VERSION}-${target.name}`);
  await rm(folder, { recursive: true, force: true });
  const [bin, lib, share] = ['bin', 'lib', 'share'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const { name, bytes } of programs.files) await writeNew(join(lib, name), bytes);
  const own = { name: 'tributary', version: VERSION, private: true, type: 'module' };
  await writeNew(join(lib, 'package.json'), `${JSON.stringify(own, undefined, 2)}\n`);
  if (contents.node !== undefined) {
    await copyFile(join(contents.node.folder, 'bin/node'), join(lib, 'node'), 0o755);
  }
  await copyPages(lib);
  await copyKoffi(lib, target, contents);
  await writeCommands(bin, contents.node === undefined);
  await writeShellFiles(PROGRAMS, lib, share, epochSeconds);
  await copyDocuments(share);
  const documents = join(share, 'doc/tributary');
  const { components } = contents;
  await writeNew(join(documents, 'sbom.cdx.json'), billOfMaterials(target, components, epochSeconds));
  await writeNew(join(documents, 'LICENSES.txt'), licenceList(components));
  return folder;
}

/** Puts a folder into an archive beside it that is the same whenever and wherever it is made. Resolves to its path. */
export async function archive(folder: string, epochSeconds: number): Promise<string> {
  const file = `${folder}.tar.gz`;
  await run('tar', [
    ...['--sort=name', '--format=ustar', '--owner=0', '--group=0', '--numeric-owner'],
    ...[`--mtime=@${epochSeconds}`, '--mode=u=rwX,go=rX', '--use-compress-program=gzip -n -6'],
    ...['-cf', file, '-C', dirname(folder), basename(folder)],
  ]);
  return file;
}

/** What of koffi is loaded: its sources, which are many, are not. */
const KOFFI_FILES = ['package.json', 'index.cjs', 'src/koffi/index.cjs', 'src/koffi/src/static.cjs'];
/** What pages are made of. */
const PAGE_SOURCE = /\b(page\/browser|page-browser)\/.*(?<!\.d)\.(html|css|ts|svg)$/;
const SHARED_FILES = [
  ['docs', '.md', 'doc/tributary/docs'],
  ['config', '.yaml', 'doc/tributary/config'],
  ['deploy', '.service', 'tributary/systemd'],
  ['deploy', '.socket', 'tributary/systemd'],
  ['deploy/sysusers.d', '.conf', 'tributary/sysusers.d'],
  ['deploy', 'takes-configuration.sh', 'tributary'],
] as const;

/** By the sources, since a build leaves there what earlier ones have made. */
async function copyPages(lib: string): Promise<void> {
  for (const top of ['client-proxy', 'server-concentrator', 'shared']) {
    const paths = await readdir(join(PROJECT_FOLDER, top), { recursive: true, encoding: 'utf8' });
    for (const path of paths.map((each) => join(top, each)).filter((each) => PAGE_SOURCE.test(each))) {
      const made = path.replace(/\.ts$/, '.js');
      await copyFile(join(PROJECT_FOLDER, 'dist', made), join(lib, made));
    }
  }
  for (const name of Object.values(PAGE_LIBRARIES)) {
    const path = fileURLToPath(import.meta.resolve(name));
    // The path in the project, also where node_modules is a link to a folder elsewhere.
    await copyFile(path, join(lib, path.slice(path.lastIndexOf('/node_modules/') + 1)));
  }
  for (const name of PAGE_PACKAGES) await copyPackageFile(lib, name, 'package.json');
}

async function copyKoffi(lib: string, { cpu, libc }: Target, { native }: BundleContents): Promise<void> {
  for (const file of KOFFI_FILES) await copyPackageFile(lib, 'koffi', file);
  // Of the two libraries, the one for the C library of Node.js.
  const folder = `${libc === 'musl' ? 'musl' : 'linux'}_${cpu}`;
  for (const file of ['package.json', 'index.js', `${folder}/koffi.node`]) {
    await copyFile(join(native.folder, file), join(lib, 'node_modules', native.name, file));
  }
}

/** Commands that start a program with the Node.js beside it, or with that of the machine, also by a link to them from elsewhere. */
async function writeCommands(bin: string, isWithoutNode: boolean): Promise<void> {
  const node = isWithoutNode ? 'node=$lib/node\nif [ ! -x "$node" ]; then node=node; fi\n' : '';
  for (const program of PROGRAMS) {
    const script = `#!/bin/sh
self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
case $self in */*) ;; *) self=./$self ;; esac
lib=\${self%/*}/../lib
${node}exec "${isWithoutNode ? '$node' : '$lib/node'}" "$lib/${program}.js" "$@"
`;
    await writeNew(join(bin, program), script, 0o755);
  }
}

/** What people read, and what they begin with. */
async function copyDocuments(share: string): Promise<void> {
  for (const name of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE']) {
    await copyFile(join(PROJECT_FOLDER, name), join(share, 'doc/tributary', name));
  }
  for (const [from, kind, to] of SHARED_FILES) {
    const names = await readdir(join(PROJECT_FOLDER, from));
    for (const name of names.filter((each) => each.endsWith(kind))) {
      await copyFile(join(PROJECT_FOLDER, from, name), join(share, to, name));
    }
  }
}

async function copyPackageFile(lib: string, name: string, file: string): Promise<void> {
  const path = join('node_modules', name, file);
  await copyFile(join(PROJECT_FOLDER, path), join(lib, path));
}

async function copyFile(from: string, to: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { dereference: true });
  await chmod(to, mode);
}

async function writeNew(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  await chmod(file, mode);
}
