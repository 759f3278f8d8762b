import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';
import { DebianRoot } from './support/debian-root.ts';
import { npmRun } from './support/make.ts';

const MAKE_TIMEOUT_MS = 900_000;
const LINTIAN_TIMEOUT_MS = 300_000;
const { version } = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as {
  version: string;
};
const BUNDLE = `tributary-${version}-linux-x64`;
const NEWER = 'tributary-999.0.0-linux-x64';
/** Somebody who works at the machine. */
const USER = 'anna';
const CONFIGURATION = ['certificate.pem', 'clients.yaml', 'key.pem', 'tributary-concentrator.yaml'];

const made = mkdtempSync(join(tmpdir(), 'tributary-packages-'));
const debs = () => readdirSync(made).filter((name) => name.endsWith('.deb'));
let root: DebianRoot | undefined;

beforeAll(() => npmRun('deb', ['--target', 'linux-x64', '--output', made]), MAKE_TIMEOUT_MS);
afterAll(() => {
  root?.remove();
  rmSync(made, { recursive: true, force: true });
}, MAKE_TIMEOUT_MS);

/** One for all tests, each of which leaves it as it was. */
function debian(): DebianRoot {
  root ??= new DebianRoot();
  return root;
}

describe('packages for Debian', () => {
  it('have no errors by lintian', { ...needs('lintian'), timeout: LINTIAN_TIMEOUT_MS }, () => {
    const { stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', ...debs()], {
      cwd: made,
      encoding: 'utf8',
    });
    expect(stdout.split('\n').filter((line) => line.startsWith('E:'))).toEqual([]);
  });

  it('install a program that is set up by one command, and leave nothing when purged', {
    ...needs('debian'),
    timeout: MAKE_TIMEOUT_MS,
  }, () => {
    const system = debian();
    system.runWell('useradd', ['--create-home', USER]);
    const before = system.paths();
    for (const deb of debs()) copyFileSync(join(made, deb), join(system.folder, 'tmp', deb));
    system.runWell('apt-get', [
      'install',
      '--yes',
      '--no-install-recommends',
      ...debs().map((deb) => `/tmp/${deb}`),
    ]);
    expect(system.runWell('tributary-client', ['--version']).stdout).toBe(`${version}\n`);
    const wanted = readdirSync(join(system.folder, 'etc/systemd/system/multi-user.target.wants'));
    expect(wanted).toEqual(
      expect.arrayContaining(['tributary-client.service', 'tributary-concentrator.service']),
    );
    const { stdout } = system.runWell('tributary-concentrator', ['init', '--public', 'vps.example.org']);
    expect(stdout).toMatch(/^tributary:\/\/client1:/);
    expectReadableByService(system);
    system.runWell('runuser', [
      '-u',
      USER,
      '--',
      'tributary-client',
      'set-proxy',
      '--proxy',
      '127.0.0.1:1080',
    ]);
    expect(system.paths()).toContain(`./home/${USER}/.config/environment.d/50-tributary-proxy.conf`);
    system.runWell('apt-get', ['purge', '--yes', 'tributary-*']);
    expect(system.paths()).toEqual(before);
    expect(system.runWell('cat', ['/etc/passwd']).stdout).not.toContain('tributary');
  });
});

describe('install.sh', () => {
  it('sets up a concentrator, upgrades it, goes back, and removes all', {
    ...needs('debian'),
    timeout: MAKE_TIMEOUT_MS,
  }, () => {
    const system = debian();
    const before = system.paths();
    const first = release(BUNDLE, version);
    const second = release(NEWER, '999.0.0');
    const install = (...args: string[]) => system.run('sh', ['/tmp/install.sh', ...args]);
    copyFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), join(system.folder, 'tmp/install.sh'));
    for (const folder of [first, second])
      cpSync(folder, join(system.folder, 'tmp', folder.split('/').at(-1)!), { recursive: true });
    const [one, other] = [`/tmp/release-${version}`, '/tmp/release-999.0.0'];

    const installed = install('--public', 'vps.example.org', '--from', one);
    expect(installed.stderr).toContain('Let port 8443 in');
    expect(installed.stderr).toMatch(/[█▀▄]{10}/);
    expect(installed.stdout).toMatch(/^tributary:\/\/client1:\S+\n$/);
    expectReadableByService(system);
    const keys = readFileSync(join(system.folder, 'etc/tributary/clients.yaml'), 'utf8');

    // Again is no harm, and says nothing secret.
    expect(install('--from', one)).toMatchObject({ status: 0, stdout: '' });
    expect(versionIn(system)).toBe(version);
    expect(install('--from', other).status).toBe(0);
    expect(versionIn(system)).toBe('999.0.0');
    expect(install('--rollback').status).toBe(0);
    expect(versionIn(system)).toBe(version);
    expect(readFileSync(join(system.folder, 'etc/tributary/clients.yaml'), 'utf8')).toBe(keys);
    expect(install('--uninstall').status).toBe(0);
    expect(system.paths()).toEqual(before);
  });

  it.each([
    ['nothing is said', [], /say --public NAME/],
    [
      'there is no name for the concentrator',
      ['--concentrator'],
      /name or address of this machine by --public/,
    ],
    ['there is nobody to give the link', ['--client'], /on standard input/],
    [
      'anybody on the way could change the bundle',
      ['--public', 'vps.example.org', '--from', 'http://127.0.0.1:9/'],
      /give --key/,
    ],
    ['nothing of it is installed', ['--uninstall'], /has installed nothing here/],
    ['an option is unknown', ['--pubic', 'vps.example.org'], /there is no --pubic/],
    ['a value is missing', ['--public'], /--public needs a value/],
    [
      'there is no bundle',
      ['--public', 'vps.example.org', '--from', '/nonexistent'],
      /no SHA256SUMS in \/nonexistent/,
    ],
    ['the bundle is damaged', ['--public', 'vps.example.org', '--from', '/tmp/damaged'], /is damaged/],
    ['there is nothing to go back to', ['--rollback'], /no version before/],
  ])(
    'says what is wrong when %s, and changes nothing',
    { ...needs('debian'), timeout: MAKE_TIMEOUT_MS },
    (_, args, words) => {
      const system = debian();
      copyFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), join(system.folder, 'tmp/install.sh'));
      const damaged = join(system.folder, 'tmp/damaged');
      mkdirSync(damaged, { recursive: true });
      writeFileSync(join(damaged, 'SHA256SUMS'), `${'0'.repeat(64)}  ${BUNDLE}.tar.gz\n`);
      writeFileSync(join(damaged, `${BUNDLE}.tar.gz`), 'none');
      const before = system.paths();
      const { status, stderr } = system.run('sh', ['/tmp/install.sh', ...args]);
      expect(status).toBe(1);
      expect(stderr).toMatch(words);
      expect(system.paths()).toEqual(before);
    },
  );
});

/** A folder with the bundle under a name and a version, as a release has it. */
function release(name: string, ofVersion: string): string {
  const folder = join(made, `release-${ofVersion}`);
  const bundle = join(made, 'renamed', name);
  mkdirSync(folder);
  cpSync(join(made, BUNDLE), bundle, { recursive: true, verbatimSymlinks: true });
  const own = join(bundle, 'lib/package.json');
  const details = JSON.parse(readFileSync(own, 'utf8')) as Record<string, unknown>;
  writeFileSync(own, JSON.stringify({ ...details, version: ofVersion }));
  execFileSync('tar', ['--gzip', '-cf', join(folder, `${name}.tar.gz`), '-C', join(made, 'renamed'), name]);
  const sums = execFileSync('sha256sum', [`${name}.tar.gz`], { cwd: folder });
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
  return folder;
}

function versionIn(system: DebianRoot): string {
  return system.runWell('tributary-concentrator', ['--version']).stdout.trim();
}

/** The keys are root's, and the group of the service may read them. */
function expectReadableByService(system: DebianRoot): void {
  const group = /^tributary-concentrator:[^:]*:(\d+):/m.exec(system.runWell('cat', ['/etc/group']).stdout);
  for (const name of CONFIGURATION) {
    const { uid, gid, mode } = statSync(join(system.folder, 'etc/tributary', name));
    expect([name, uid, String(gid), (mode & 0o777).toString(8)]).toEqual([name, 0, group?.[1], '640']);
  }
}
