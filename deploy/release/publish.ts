import { writeFileSync } from 'node:fs';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { releaseChangelog } from './changelog.ts';
import { CHECKSUMS_NAME, signChecksums, writeChecksums } from './checksums.ts';
import { git, PROJECT_FOLDER, ReleaseError, run } from './project.ts';

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
/** Files that a release changes. */
const CHANGED = ['package.json', 'package-lock.json', 'CHANGELOG.md'] as const;
/** https://semver.org */
const VERSION = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/;

/**
 * Makes a release: checks, takes the version into the files that have it, commits and tags that, and makes everything from the commit.
 * Nothing is pushed or published. Rejects with ReleaseError; before the commit, the files are as they were then.
 */
export async function release(options: ReleaseOptions): Promise<void> {
  const { version, isDryRun, skipsChecks, tell } = options;
  const before = new Map<string, string>();
  for (const name of CHANGED) before.set(name, await readFile(join(PROJECT_FOLDER, name), 'utf8'));
  refuseVersion(version, (JSON.parse(before.get('package.json')!) as { version: string }).version);
  const changelog = releaseChangelog(
    before.get('CHANGELOG.md')!,
    version,
    new Date().toISOString().slice(0, 10),
  );
  const changes = git('status', '--porcelain');
  if (changes !== '' && !isDryRun) throw new ReleaseError(`commit these first:\n${changes}`);
  tell(await signaturesOfRegistry());
  if (!skipsChecks) await run('npm', ['run', 'check']);

  const restore = () => {
    for (const [name, text] of before) writeFileSync(join(PROJECT_FOLDER, name), text);
  };
  let undo = restore;
  const onSignal = () => {
    undo();
    process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    await run('npm', ['version', version, '--no-git-tag-version', '--ignore-scripts']);
    await writeFile(join(PROJECT_FOLDER, 'CHANGELOG.md'), changelog);
    if (!isDryRun) {
      git('commit', '--quiet', '--all', '--message', `Release ${version}`);
      undo = () => {};
      git('tag', '--annotate', `v${version}`, '--message', `Version ${version}`);
    }
    await makeAll(options);
  } finally {
    undo();
  }
}

function refuseVersion(version: string, current: string): void {
  const [next, now] = [version, current].map((text) => VERSION.exec(text));
  if (!next || !now) throw new ReleaseError(`${version} is no version such as 1.2.3 or 1.2.3-rc.1`);
  const order =
    [1, 2, 3].map((part) => Number(next[part]) - Number(now[part])).find((step) => step !== 0) ?? 0;
  const isLater = order > 0 || (order === 0 && isLaterSuffix(next[4], now[4]));
  if (!isLater) throw new ReleaseError(`${version} is not later than ${current}`);
}

/** Of two versions with the same numbers, the one without a suffix is the later one; `-rc.10` is later than `-rc.2`. */
function isLaterSuffix(next: string | undefined, now: string | undefined): boolean {
  if (now === undefined) return false;
  return next === undefined || next.localeCompare(now, 'en', { numeric: true }) > 0;
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

/** Removes what a release of before has left; refuses any other folder. */
async function emptyOutput(output: string): Promise<void> {
  const names: readonly string[] = await readdir(output).catch(() => []);
  if (names.length > 0 && !names.includes(CHECKSUMS_NAME) && output !== join(PROJECT_FOLDER, 'release')) {
    throw new ReleaseError(
      `${output} has other files in it: name an empty folder, or one that does not exist`,
    );
  }
  await rm(output, { recursive: true, force: true });
}

async function makeAll({ output, targets, keyFile, tell }: ReleaseOptions): Promise<void> {
  await emptyOutput(output);
  // A build leaves what earlier ones have made, and a package has all of it.
  await rm(join(PROJECT_FOLDER, 'dist'), { recursive: true, force: true });
  const chosen = targets.flatMap((target) => ['--target', target]);
  // In processes of their own, which read the version anew.
  await run('npm', ['run', 'bundle', '--', '--output', output, ...chosen]);
  await run('npm', ['run', 'packages', '--', '--output', output, ...chosen]);
  await run('npm', ['run', 'sbom', '--', '--output', output, ...chosen]);
  await run('npm', ['run', 'man', '--', '--output', join(output, 'man')]);
  await run('npm', ['pack', '--pack-destination', output]);
  await copyFile(join(PROJECT_FOLDER, INSTALLER), join(output, basename(INSTALLER)));
  for (const name of await writeChecksums(output)) tell(join(output, name));
  tell(join(output, CHECKSUMS_NAME));
  if (keyFile !== undefined) tell(join(output, await signChecksums(output, keyFile)));
}
