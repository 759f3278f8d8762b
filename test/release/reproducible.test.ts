import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { filesIn, npmRun } from './support/make.ts';

const TIMEOUT_MS = 600_000;

it(
  'a bundle is the same from another folder, by another user, in another place of the world',
  async () => {
    const here = temporaryFolder();
    await npmRun('bundle', ['--target', 'linux-x64', '--output', here]);
    const copy = copyOfProject();
    const there = temporaryFolder();
    await npmRun('bundle', ['--target', 'linux-x64', '--output', there], {
      folder: copy,
      umask: '077',
      environment: { TZ: 'Pacific/Auckland', LC_ALL: 'C', HOME: there },
    });
    const one = filesIn(here);
    const other = filesIn(there);
    const archives = readdirSync(here).filter((name) => name.endsWith('.tar.gz'));
    expect(archives).toHaveLength(1);
    expect([...one].filter(([path, { sha256 }]) => other.get(path)?.sha256 !== sha256)).toEqual([]);
    process.stdout.write(`${archives[0]}: ${one.get(archives[0]!)!.sha256}\n`);
  },
  TIMEOUT_MS,
);

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-release-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The sources as they are, also those that are not committed, without anything that was made of them. */
function copyOfProject(): string {
  const folder = temporaryFolder();
  const list = execFileSync(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: PROJECT_FOLDER, encoding: 'utf8' },
  );
  for (const path of list.split('\0').filter((each) => each !== '')) {
    cpSync(join(PROJECT_FOLDER, path), join(folder, path), { force: true });
  }
  symlinkSync(join(PROJECT_FOLDER, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
