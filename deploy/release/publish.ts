import { rmSync, writeFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { releaseChangelog } from './changelog.ts';
import { CHECKSUMS_NAME, refuseKey, signChecksums, writeChecksums } from './checksums.ts';
import { git, PROJECT_FOLDER, ReleaseError, run } from './project.ts';
import { isLaterVersion, isVersion } from './version-order.ts';

export interface ReleaseOptions {
  readonly version: string;
  /** Where everything is written: a folder that is empty, or not there. */
  readonly output: string;
  /** As `npm run bundle` takes them. */
  readonly targets: readonly string[];
  readonly keyFile: string | undefined;
  /** Puts the files of the checkout back at the end, and makes no commit. */
  readonly isDryRun: boolean;
  readonly skipsChecks: boolean;
  readonly tell: (line: string) => void;
}

/** What installs from the files beside it. */
const INSTALLER = 'deploy/install.sh';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Files that a release changes. */
const CHANGED = ['package.json', 'package-lock.json', 'CHANGELOG.md'] as const;

/**
 * Makes a release: checks, takes the version into the files that have it, commits that, makes everything from the commit, and tags it.
 * Nothing is pushed or published, and nothing is removed that this has not made. Rejects with ReleaseError. Before the commit, the files are as
 * they were then; after it, the same call goes on, until there is the tag.
 */
export async function release(options: ReleaseOptions): Promise<void> {
  const { version, output, keyFile, isDryRun, skipsChecks, tell } = options;
  refuseVersion(version);
  await refuseOutput(output);
  if (keyFile !== undefined) await refuseKey(keyFile);
  // Where making failed after the commit, it goes on from there.
  const isCommitted = !isDryRun && git('log', '-1', '--format=%s') === subjectOf(version);
  const before = new Map<string, string>();
  for (const name of CHANGED) before.set(name, await readFile(join(PROJECT_FOLDER, name), 'utf8'));
  if (!isCommitted)
    refuseEarlier(version, (JSON.parse(before.get('package.json')!) as { version: string }).version);
  const changelog = isCommitted
    ? undefined
    : releaseChangelog(before.get('CHANGELOG.md')!, version, new Date().toISOString().slice(0, 10), isDryRun);
  if (!isDryRun) refuseCheckout();
  tell(await signaturesOfRegistry());
  if (!skipsChecks) {
    tell('npm run check');
    await run('npm', ['run', 'check']);
  }
  // The checks take long: what somebody has changed meanwhile was not checked, and would be part of the release.
  if (!isDryRun) refuseCheckout();

  await mkdir(dirname(output), { recursive: true });
  // Beside the place where it ends up: what is there is never half of a release.
  const folder = await mkdtemp(join(dirname(output), '.tributary-release-'));
  let isRestored = true;
  const undo = () => {
    if (isRestored) for (const [name, text] of before) writeFileSync(join(PROJECT_FOLDER, name), text);
    rmSync(folder, { recursive: true, force: true });
  };
  const onSignal = () => {
    undo();
    process.exit(1);
  };
  // Not once: npm hands on a signal that this process has had already, and the second would end it at once.
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    if (changelog !== undefined) {
      await run('npm', ['version', version, '--no-git-tag-version', '--ignore-scripts']);
      await writeFile(join(PROJECT_FOLDER, 'CHANGELOG.md'), changelog);
      if (!isDryRun) git('commit', '--quiet', '--message', subjectOf(version), '--', ...CHANGED);
    }
    isRestored = isDryRun;
    const names = await makeAll(folder, options);
    await chmod(folder, 0o755);
    // Somebody may have put something there meanwhile.
    await refuseOutput(output);
    await rename(folder, output);
    for (const name of names) tell(join(output, name));
    if (!isDryRun) git('tag', '--annotate', `v${version}`, '--message', `Version ${version}`);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    undo();
  }
}

/** Puts the installer into a folder. Resolves to its path. */
export async function placeInstaller(folder: string): Promise<string> {
  const file = join(folder, basename(INSTALLER));
  await copyFile(join(PROJECT_FOLDER, INSTALLER), file);
  return file;
}

/** Of the commit with a version. */
function subjectOf(version: string): string {
  return `Release ${version}`;
}

/** @throws ReleaseError where it is none, or is done */
function refuseVersion(version: string): void {
  if (!isVersion(version)) throw new ReleaseError(`${version} is no version such as 1.2.3 or 1.2.3-rc.1`);
  if (git('tag', '--list', `v${version}`) !== '')
    throw new ReleaseError(`there is a tag v${version} already`);
}

/** @throws ReleaseError where it has changes, or is on no branch, where only the tag would lead to the commit */
function refuseCheckout(): void {
  const changes = git('status', '--porcelain');
  if (changes !== '') throw new ReleaseError(`commit these first:\n${changes}`);
  if (git('branch', '--show-current') === '') {
    throw new ReleaseError('this checkout is on no branch: git switch to the one that the release is of');
  }
}

function refuseEarlier(version: string, current: string): void {
  if (!isLaterVersion(version, current)) throw new ReleaseError(`${version} is not later than ${current}`);
}

/** Whether the packages that are installed are those that their registry signed; a registry may sign none. */
async function signaturesOfRegistry(): Promise<string> {
  try {
    return (await run('npm', ['audit', 'signatures'])).trim();
  } catch (error) {
    const { message } = error as Error;
    if (/invalid|missing|tampered/i.test(message)) throw error;
    return `the signatures of packages were not checked: ${message.split('\n')[0]}`;
  }
}

/** Nothing in it is this program's to remove, also where it looks like a release. */
async function refuseOutput(output: string): Promise<void> {
  const names = await readdir(output).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ReleaseError(`--output: ${output} is no folder that can be read (${error.code})`);
  });
  if (names.length > 0) {
    throw new ReleaseError(
      `${output} has files in it: remove them if they are of an earlier try, or name an empty folder by --output`,
    );
  }
}

/** Resolves to the names of what is in the folder then. */
async function makeAll(
  output: string,
  { targets, keyFile, tell }: ReleaseOptions,
): Promise<readonly string[]> {
  // A build leaves what earlier ones have made, and a package has all of it.
  await rm(join(PROJECT_FOLDER, 'dist'), { recursive: true, force: true });
  const chosen = targets.flatMap((target) => ['--target', target]);
  // In processes of their own, which read the version anew.
  const npm = (...args: readonly string[]) => {
    tell(['npm', ...args].join(' '));
    return run('npm', args);
  };
  // The bundles and their archives as well, which the source for Arch Linux names.
  await npm('run', 'packages', '--', '--output', output, ...chosen);
  await npm('run', 'sbom', '--', '--output', output, ...chosen);
  await npm('run', 'man', '--', '--output', join(output, 'man'));
  await npm('pack', '--pack-destination', output);
  await placeInstaller(output);
  const names = [...(await writeChecksums(output)), CHECKSUMS_NAME];
  if (keyFile !== undefined) names.push(await signChecksums(output, keyFile));
  return names;
}
