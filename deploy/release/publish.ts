import { writeFileSync } from 'node:fs';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { releaseChangelog } from './changelog.ts';
import { CHECKSUMS_NAME, signChecksums, writeChecksums } from './checksums.ts';
import { git, PROJECT_FOLDER, ReleaseError, run } from './project.ts';
import { isLaterVersion, isVersion } from './version-order.ts';

export interface ReleaseOptions {
  readonly version: string;
  /** Where everything is written; what is there goes away. */
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
 * Nothing is pushed or published. Rejects with ReleaseError. Before the commit, the files are as they were then; after it, the same call goes on.
 */
export async function release(options: ReleaseOptions): Promise<void> {
  const { version, output, keyFile, isDryRun, skipsChecks, tell } = options;
  await refuseOutput(output);
  if (keyFile !== undefined) await readFile(keyFile).catch(() => refuseKey(keyFile));
  // Where making failed after the commit, it goes on from there.
  const isCommitted = !isDryRun && git('log', '-1', '--format=%s') === subjectOf(version);
  const before = new Map<string, string>();
  for (const name of CHANGED) before.set(name, await readFile(join(PROJECT_FOLDER, name), 'utf8'));
  if (!isCommitted)
    refuseVersion(version, (JSON.parse(before.get('package.json')!) as { version: string }).version);
  const changelog = isCommitted
    ? undefined
    : releaseChangelog(before.get('CHANGELOG.md')!, version, new Date().toISOString().slice(0, 10));
  const changes = git('status', '--porcelain');
  if (changes !== '' && !isDryRun) throw new ReleaseError(`commit these first:\n${changes}`);
  tell(await signaturesOfRegistry());
  if (!skipsChecks) {
    tell('npm run check');
    await run('npm', ['run', 'check']);
  }

  const restore = () => {
    for (const [name, text] of before) writeFileSync(join(PROJECT_FOLDER, name), text);
  };
  let undo = restore;
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
      if (!isDryRun) git('commit', '--quiet', '--all', '--message', subjectOf(version));
    }
    if (!isDryRun) undo = () => {};
    await makeAll(options);
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

function refuseVersion(version: string, current: string): void {
  if (!isVersion(version)) throw new ReleaseError(`${version} is no version such as 1.2.3 or 1.2.3-rc.1`);
  if (git('tag', '--list', `v${version}`) !== '')
    throw new ReleaseError(`there is a tag v${version} already`);
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

/** All that is in it goes away: refuses what is not of a release of before. */
async function refuseOutput(output: string): Promise<void> {
  const names: readonly string[] = await readdir(output).catch(() => []);
  if (names.length > 0 && !names.includes(CHECKSUMS_NAME) && output !== join(PROJECT_FOLDER, 'release')) {
    throw new ReleaseError(
      `${output} has other files in it: name an empty folder, or one that does not exist`,
    );
  }
}

function refuseKey(file: string): never {
  throw new ReleaseError(`--key: ${file} cannot be read`);
}

async function makeAll({ output, targets, keyFile, tell }: ReleaseOptions): Promise<void> {
  await rm(output, { recursive: true, force: true });
  // A build leaves what earlier ones have made, and a package has all of it.
  await rm(join(PROJECT_FOLDER, 'dist'), { recursive: true, force: true });
  const chosen = targets.flatMap((target) => ['--target', target]);
  // In processes of their own, which read the version anew.
  const npm = (...args: readonly string[]) => {
    tell(['npm', ...args].join(' '));
    return run('npm', args);
  };
  await npm('run', 'bundle', '--', '--output', output, ...chosen);
  await npm('run', 'packages', '--', '--output', output, ...chosen);
  await npm('run', 'sbom', '--', '--output', output, ...chosen);
  await npm('run', 'man', '--', '--output', join(output, 'man'));
  await npm('pack', '--pack-destination', output);
  for (const name of await writeChecksums(output)) tell(join(output, name));
  tell(join(output, CHECKSUMS_NAME));
  if (keyFile !== undefined) tell(join(output, await signChecksums(output, keyFile)));
}
