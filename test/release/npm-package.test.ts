import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { EPOCH_SECONDS } from './support/make.ts';

const TIMEOUT_MS = 600_000;
const folder = mkdtempSync(join(tmpdir(), 'tributary-package-'));
const prefix = join(folder, 'prefix');
/** All programs that an installation may use: no compiler, no make, no Python. */
const PROGRAMS = ['node', 'npm', 'npx', 'sh'];
/** By which npm reaches its registry. */
const FOR_NPM = Object.fromEntries(
  [
    'HOME',
    'NODE_EXTRA_CA_CERTS',
    'HTTPS_PROXY',
    'https_proxy',
    'npm_config_registry',
    'npm_config_userconfig',
  ]
    .map((name) => [name, process.env[name]])
    .filter(([, value]) => value !== undefined),
);
const { version, scripts } = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as {
  version: string;
  scripts: Record<string, string>;
};
const archive = join(folder, `tributary-${version}.tgz`);

beforeAll(async () => {
  await run('npm', ['pack', '--pack-destination', folder], { cwd: PROJECT_FOLDER, PATH: process.env.PATH! });
  mkdirSync(join(folder, 'bin'));
  for (const program of PROGRAMS) symlinkSync(pathOf(program), join(folder, 'bin', program));
  // From the archive, not from a checkout: its dependencies come from the registry, and their scripts run.
  await run('npm', ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', archive]);
}, TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the npm package', () => {
  it('has no script that runs where it is installed', () => {
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
  });

  it('has the programs and what people read, and nothing of development', () => {
    const files = readdirSync(join(prefix, 'lib/node_modules/tributary'));
    expect(files).toEqual(expect.arrayContaining(['dist', 'config', 'docs', 'README.md', 'LICENSE']));
    expect(files).not.toContain('test');
    expect(existsSync(join(prefix, 'lib/node_modules/tributary/deploy/release'))).toBe(false);
    const packages = readdirSync(join(prefix, 'lib/node_modules/tributary/node_modules'));
    expect(packages).toContain('koffi');
    expect(packages.filter((name) => /esbuild|typescript|vitest/.test(name))).toEqual([]);
  });

  it('installs commands that run, with their manual pages', async () => {
    for (const program of ['tributary-client', 'tributary-concentrator']) {
      expect(await run(join(prefix, 'bin', program), ['--version'])).toBe(`${version}\n`);
      expect(existsSync(join(prefix, 'share/man/man1', `${program}.1`))).toBe(true);
    }
    const files = join(folder, 'etc');
    const init = ['init', '--public', 'vps.example.org', '--directory', files];
    expect(await run(join(prefix, 'bin/tributary-concentrator'), init)).toMatch(/^tributary:\/\//m);
  });

  it(
    'runs by npx',
    async () => {
      const args = ['--yes', '--package', archive, 'tributary-client', '--version'];
      expect(await run('npx', args)).toBe(`${version}\n`);
    },
    TIMEOUT_MS,
  );
});

/** Runs a program where there are only a few others. @returns what it prints */
async function run(
  program: string,
  args: readonly string[],
  { cwd = folder, PATH = join(folder, 'bin') } = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...args], {
    cwd,
    env: { ...FOR_NPM, PATH, SOURCE_DATE_EPOCH: String(EPOCH_SECONDS) },
  });
  return stdout;
}

function pathOf(program: string): string {
  if (program === 'node') return process.execPath;
  const beside = join(dirname(process.execPath), program);
  if (existsSync(beside)) return beside;
  const found = (process.env.PATH ?? '').split(':').find((each) => existsSync(join(each, program)));
  if (found === undefined) throw new Error(`there is no ${program}`);
  return join(found, program);
}
