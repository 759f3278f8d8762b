/**
 * `npm run bundle`, `packages`, `man`, `sbom` and `release`: what a release has, in the folder `release`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeArchSource } from './arch-package.ts';
import { billOfMaterials, licenceList } from './bill-of-materials.ts';
import { bundleContents } from './bundle-contents.ts';
import { bundlePrograms } from './bundle-programs.ts';
import { CHECKSUMS_NAME, writeChecksums } from './checksums.ts';
import { makeDebianPackages } from './debian-packages.ts';
import { archive, makeBundle } from './make-bundle.ts';
import { PROJECT_FOLDER, ReleaseError, sourceDateEpoch, VERSION } from './project.ts';
import { placeInstaller, release } from './publish.ts';
import { makeRpmPackages } from './rpm-packages.ts';
import { writeManPages } from './shell-files.ts';
import { MUSL_TARGET_NAMES, TARGET_NAMES, TARGETS, type Target } from './targets.ts';

const HELP = `Makes what a release has, in the folder "release".

  npm run bundle                            both programs with Node.js, for ${TARGET_NAMES.join(' and ')}
  npm run bundle -- --target linux-arm64    for one of them
  npm run bundle -- --target linux-x64-musl without Node.js, for OpenWrt and Alpine; also linux-arm64-musl
  npm run bundle -- --no-archive            folders alone
  npm run packages                          packages of them for Debian (deb), for Fedora and others (rpm), and the source of one for Arch Linux
  npm run deb                               those for Debian alone; likewise npm run rpm, npm run arch
  npm run sbom                              what is in the bundles (CycloneDX), and the licences of it
  npm run man                               the manual pages
  npm run release -- 1.2.3                  checks, takes the version over, commits, tags, and makes all of it with checksums, in release/1.2.3
  npm run release -- 1.2.3 --dry-run        the same without a commit; the files of the checkout stay as they are
  ... --key FILE                            signs the checksums, with a key of minisign or an Ed25519 key in PEM
  ... --skip-checks                         without "npm run check"
  ... -- --output FOLDER                    somewhere else
`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      target: { type: 'string', multiple: true, default: [...TARGET_NAMES] },
      output: { type: 'string' },
      kind: { type: 'string', multiple: true, default: [...KINDS] },
      'no-archive': { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      'skip-checks': { type: 'boolean', default: false },
      key: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const [verb, version] = positionals;
  const output = (usual: string) =>
    values.output === undefined ? join(PROJECT_FOLDER, usual) : resolve(values.output);
  const targets = values.target.map(targetNamed);
  if (values.help) process.stdout.write(HELP);
  else if (verb === 'bundle') await bundle(targets, output('release'), { isArchived: !values['no-archive'] });
  else if (verb === 'packages') await packages(targets, values.kind.map(kindNamed), output('release'));
  else if (verb === 'sbom') await bills(targets, output('release'));
  else if (verb === 'man') await manPages(output('release/man'));
  else if (verb === 'release' && version !== undefined) {
    await release({
      version,
      output: output(join('release', values['dry-run'] ? `${version}-dry-run` : version)),
      targets: targets.map(({ name }) => name),
      keyFile: values.key === undefined ? undefined : resolve(values.key),
      isDryRun: values['dry-run'],
      skipsChecks: values['skip-checks'],
      tell: (line) => process.stdout.write(`${line}\n`),
    });
  } else throw new ReleaseError(HELP);
}

function targetNamed(name: string): Target {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined) {
    throw new ReleaseError(`--target: there are ${[...TARGET_NAMES, ...MUSL_TARGET_NAMES].join(', ')}`);
  }
  return target;
}

async function bundle(
  targets: readonly Target[],
  output: string,
  { isArchived }: { readonly isArchived: boolean },
): Promise<void> {
  const epochSeconds = sourceDateEpoch();
  const programs = await bundlePrograms();
  for (const target of targets) {
    const contents = await bundleContents(target, programs);
    const folder = await makeBundle(target, output, programs, contents, epochSeconds);
    tell(isArchived ? await archive(folder, epochSeconds) : folder);
  }
  if (!isArchived) return;
  // What the installer beside them looks at.
  tell(await placeInstaller(output));
  await writeChecksums(output);
  tell(join(output, CHECKSUMS_NAME));
}

/** What packages there are. */
const KINDS = ['deb', 'rpm', 'arch'] as const;
type Kind = (typeof KINDS)[number];

function kindNamed(name: string): Kind {
  const kind = KINDS.find((each) => each === name);
  if (kind === undefined) throw new ReleaseError(`--kind: there are ${KINDS.join(', ')}`);
  return kind;
}

async function packages(targets: readonly Target[], kinds: readonly Kind[], output: string): Promise<void> {
  const epochSeconds = sourceDateEpoch();
  const programs = await bundlePrograms();
  for (const target of targets) {
    const contents = await bundleContents(target, programs);
    if (contents.node === undefined) {
      throw new ReleaseError(
        `--target ${target.name}: packages have Node.js inside, and there is none for musl`,
      );
    }
    const folder = await makeBundle(target, output, programs, contents, epochSeconds);
    const made: string[] = [];
    if (kinds.includes('deb')) made.push(...(await makeDebianPackages(target, folder, output, epochSeconds)));
    if (kinds.includes('rpm')) made.push(...(await makeRpmPackages(target, folder, output, epochSeconds)));
    // Its source names the archive's checksum: one of before would be of other programs.
    if (kinds.includes('arch')) made.push(await archive(folder, epochSeconds));
    made.forEach(tell);
  }
  if (kinds.includes('arch')) (await writeArchSource(targets, output)).forEach(tell);
}

async function bills(targets: readonly Target[], output: string): Promise<void> {
  const epochSeconds = sourceDateEpoch();
  const programs = await bundlePrograms();
  await mkdir(output, { recursive: true });
  for (const target of targets) {
    const { components } = await bundleContents(target, programs);
    const name = join(output, `tributary-${VERSION}-${target.name}`);
    await writeFile(`${name}.cdx.json`, billOfMaterials(target, components, epochSeconds));
    await writeFile(`${name}-licenses.txt`, licenceList(components));
    tell(`${name}.cdx.json`);
    tell(`${name}-licenses.txt`);
  }
}

async function manPages(folder: string): Promise<void> {
  const dist = (program: string) => join(PROJECT_FOLDER, 'dist', program, 'main.js');
  const programs = {
    'tributary-client': dist('client-proxy'),
    'tributary-concentrator': dist('server-concentrator'),
  };
  await writeManPages(programs, folder, sourceDateEpoch());
  tell(folder);
}

/** Says what is there now. */
function tell(path: string): void {
  process.stdout.write(`${relative(process.cwd(), path)}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ReleaseError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
