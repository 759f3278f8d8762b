import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { DebianRoot } from './support/debian-root.ts';
import { bundleName, madePackages, VERSION } from './support/release.ts';

const TIMEOUT_MS = 600_000;
const PROGRAMS = ['tributary-client', 'tributary-concentrator'] as const;
/** What rpmlint calls errors. */
const KNOWN_TO_RPMLINT = [
  // They get one when they are published.
  'no-signature',
  // Fedora has given it up.
  'no-group-tag',
  // Keys.
  'non-readable',
  // Node.js is in the package that these two need.
  'no-binary',
];
/** Nobody in particular, but not root, whom makepkg refuses. */
const MAKER = 'nobody';

let made = '';
beforeAll(async () => {
  made = await madePackages();
}, TIMEOUT_MS);

const named = (pattern: RegExp) => readdirSync(made).filter((name) => pattern.test(name));

describe('packages for Debian', () => {
  it('have no errors by lintian', { ...needs('lintian'), timeout: TIMEOUT_MS }, () => {
    const debs = named(/\.deb$/);
    expect(debs).toHaveLength(3);
    const { stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', ...debs], {
      cwd: made,
      encoding: 'utf8',
    });
    expect(stdout.split('\n').filter((line) => line.startsWith('E:'))).toEqual([]);
  });
});

describe('packages for rpm', () => {
  it('have no errors by rpmlint but those that are meant', { ...needs('rpm'), timeout: TIMEOUT_MS }, () => {
    const rpms = named(/^tributary-c.*\.rpm$/);
    expect(rpms).toHaveLength(2);
    const { stdout } = spawnSync('rpmlint', rpms, { cwd: made, encoding: 'utf8' });
    const errors = [...stdout.matchAll(/ E: (\S+)/g)].map(([, name]) => name!);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.filter((name) => !KNOWN_TO_RPMLINT.includes(name))).toEqual([]);
  });

  it('install both programs, and leave nothing when erased', {
    ...needs('rpm', 'debian'),
    timeout: TIMEOUT_MS,
  }, async () => {
    await expectNothingLeft(named(/\.rpm$/), (root, files) => {
      const rpm = (...args: string[]) =>
        expect(root.runOutside('rpm', '--root', args)).toMatchObject({ status: 0 });
      rpm('--initdb');
      rpm('--install', systemPackage(files));
      return {
        install: () => rpm('--install', ...files),
        upgrade: () => rpm('--upgrade', '--replacepkgs', '--replacefiles', ...files),
        remove: () => rpm('--erase', ...PROGRAMS, 'tributary-runtime'),
      };
    });
    const listed = execFileSync('rpm', [
      '-qp',
      '--configfiles',
      join(made, named(/^tributary-concentrator-.*rpm$/)[0]!),
    ]);
    expect(String(listed)).toContain('/etc/tributary/key.pem');
  });
});

describe('the source of a package for Arch Linux', () => {
  const work = mkdtempSync(join(tmpdir(), 'tributary-arch-'));
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  it('makes one that installs both programs, and leaves nothing when removed', {
    ...needs('arch', 'debian'),
    timeout: TIMEOUT_MS,
  }, async () => {
    for (const name of ['PKGBUILD', 'tributary.install', `${bundleName(VERSION)}.tar.gz`]) {
      copyFileSync(join(made, name), join(work, name));
    }
    execFileSync('chown', ['--recursive', MAKER, work]);
    // Quickly, rather than small.
    const environment = [`HOME=${work}`, 'PKGEXT=.pkg.tar'];
    const make = ['makepkg', '--nodeps', '--nocolor'];
    execFileSync('runuser', ['-u', MAKER, '--', 'env', '--chdir', work, ...environment, ...make], {
      stdio: 'pipe',
    });
    const file = readdirSync(work).find((name) => name.endsWith('.pkg.tar'))!;
    expect(file).toMatch(/^tributary-[^-]+-1-x86_64/);
    await expectNothingLeft([join(work, file)], (root, files) => {
      mkdirSync(join(root.changes, 'var/lib/pacman'), { recursive: true });
      const pacman = (...args: string[]) =>
        expect(root.runOutside('pacman', '--root', ['--noconfirm', ...args])).toMatchObject({ status: 0 });
      return {
        install: () => pacman('-U', '--nodeps', '--nodeps', ...files),
        upgrade: () => pacman('-U', '--nodeps', '--nodeps', ...files),
        remove: () => pacman('-R', 'tributary'),
      };
    });
  });
});

interface Manager {
  install(): void;
  upgrade(): void;
  remove(): void;
}

/** A package that provides what Fedora and openSUSE both provide by the same names: libraries, and little else. */
function systemPackage(files: readonly string[]): string {
  const needed = execFileSync('rpm', ['-qp', '--requires', ...files], { encoding: 'utf8' }).split('\n');
  const libraries = needed.filter((name) => LIBRARY.test(name));
  const folder = mkdtempSync(join(tmpdir(), 'tributary-rpm-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const spec = join(folder, 'system.spec');
  writeFileSync(spec, systemSpec(['/bin/sh', '/usr/sbin/userdel', 'systemd', ...libraries]));
  const places = ['--define', `_topdir ${folder}`, '--define', `_rpmdir ${folder}`];
  execFileSync('rpmbuild', ['-bb', ...places, spec], { stdio: 'pipe' });
  return join(folder, 'noarch/system-1-1.noarch.rpm');
}

/** Of the C library, and of GCC. */
const LIBRARY = /^((ld-linux-x86-64|libc|libdl|libm|libpthread|libstdc\+\+|libgcc_s)\.so\.\d\(|rtld\()/;

function systemSpec(provided: readonly string[]): string {
  return `Name: system
Version: 1
Release: 1
Summary: What a system has
License: none
BuildArch: noarch
Provides: ${provided.join(', ')}
%description
What a system has.
%files
`;
}

/**
 * Installs packages in a fresh root, sets a concentrator up, installs them once more over themselves, as an upgrade does, and removes them.
 * @param files in `made`, or with their whole paths
 */
async function expectNothingLeft(
  files: readonly string[],
  manager: (root: DebianRoot, files: readonly string[]) => Manager,
): Promise<void> {
  await makeDebianBases([12]);
  const root = new DebianRoot(12);
  try {
    const { install, upgrade, remove } = manager(
      root,
      files.map((file) => (file.startsWith('/') ? file : join(made, file))),
    );
    const before = root.paths();
    install();
    for (const program of PROGRAMS) {
      expect(root.runWell(program, ['--version']).stdout).toBe(`${VERSION}\n`);
      expect(root.runWell('id', ['-gn', program]).stdout).toBe(`${program}\n`);
    }
    root.runWell('tributary-concentrator', ['init', '--public', 'vps.example.org']);
    const owner = root.runWell('stat', ['--format=%U:%G %a', '/etc/tributary/key.pem']).stdout;
    expect(owner).toBe('root:tributary-concentrator 640\n');
    root.runWell('systemctl', ['disable', 'tributary-client']);
    const kept = () => [
      root.run('systemctl', ['is-enabled', ...PROGRAMS]).stdout,
      root.runWell('sh', ['-c', 'cd /etc/tributary && stat --format="%n %U:%G %a" * && sha256sum *']).stdout,
    ];
    const beforeUpgrade = kept();
    expect(beforeUpgrade[0]).toMatch(/^disabled\n/);
    upgrade();
    expect(kept()).toEqual(beforeUpgrade);
    expect(root.runWell('tributary-concentrator', ['--version']).stdout).toBe(`${VERSION}\n`);
    remove();
    expect(root.paths()).toEqual(before);
    expect(root.runWell('cat', ['/etc/passwd', '/etc/group']).stdout).not.toContain('tributary');
  } finally {
    root.remove();
  }
}
