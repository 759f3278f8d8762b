import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { DebianRoot, type Ran } from './support/debian-root.ts';
import { leaveData } from './support/leave-data.ts';
import { newerArchPackage, newerRpmPackages } from './support/newer-packages.ts';
import { bundleName, madePackages, NEWER, VERSION } from './support/release.ts';

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
    const files = named(/\.rpm$/).map((name) => join(made, name));
    const folder = temporaryFolder();
    const newer = await newerRpmPackages(join(made, bundleName(VERSION)), NEWER, folder);
    await expectNothingLeft((root) => {
      const rpm = (...args: string[]) => endsWell(root.runOutside('rpm', '--root', args));
      rpm('--initdb');
      rpm('--install', systemPackage(files));
      return {
        install: () => rpm('--install', ...files),
        upgrade: () => rpm('--upgrade', ...newer),
        goBack: () => rpm('--upgrade', '--oldpackage', ...files),
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
    // As one that was made before leaves it.
    mkdirSync(join(work, 'src', bundleName(NEWER)), { recursive: true });
    execFileSync('chown', ['--recursive', MAKER, work]);
    // Quickly, rather than small.
    const environment = [`HOME=${work}`, 'PKGEXT=.pkg.tar'];
    const make = ['makepkg', '--nodeps', '--nocolor'];
    execFileSync('runuser', ['-u', MAKER, '--', 'env', '--chdir', work, ...environment, ...make], {
      stdio: 'pipe',
    });
    const file = readdirSync(work).find((name) => name.endsWith('.pkg.tar'))!;
    expect(file).toMatch(/^tributary-[^-]+-1-x86_64/);
    const newer = newerArchPackage(join(work, file), NEWER, temporaryFolder());
    await expectNothingLeft((root) => {
      mkdirSync(join(root.changes, 'var/lib/pacman'), { recursive: true });
      const pacman = (...args: string[]) =>
        endsWell(root.runOutside('pacman', '--root', ['--noconfirm', ...args]));
      const install = (one: string) => pacman('-U', '--nodeps', '--nodeps', one);
      return {
        install: () => install(join(work, file)),
        upgrade: () => install(newer),
        goBack: () => install(join(work, file)),
        remove: () => pacman('-R', 'tributary'),
      };
    });
  });
});

interface Manager {
  install(): string;
  /** To NEWER. */
  upgrade(): string;
  goBack(): string;
  remove(): string;
}

/** @returns what it prints */
function endsWell(ran: Ran): string {
  expect(ran).toMatchObject({ status: 0 });
  return ran.stdout + ran.stderr;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-packages-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A package that provides what Fedora and openSUSE both provide by the same names: libraries, and little else. */
function systemPackage(files: readonly string[]): string {
  const needed = execFileSync('rpm', ['-qp', '--requires', ...files], { encoding: 'utf8' }).split('\n');
  const libraries = needed.filter((name) => LIBRARY.test(name));
  const folder = temporaryFolder();
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
 * Stands before systemctl where scripts of packages look for it: notes what it was asked for, and has the real one do what needs no systemd that
 * runs.
 */
const NOTING_SYSTEMCTL = `#!/bin/sh
echo "$*" >> /run/asked
case " $* " in *' enable '* | *' disable '* | *' is-enabled '*) SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl "$@" ;; esac
`;

/**
 * Installs packages in a fresh root, sets a concentrator up, upgrades them, goes back, and removes them, and does so beside what install.sh has
 * installed. A systemd seems to run there.
 */
async function expectNothingLeft(manager: (root: DebianRoot) => Manager): Promise<void> {
  await makeDebianBases([12]);
  const root = new DebianRoot(12);
  try {
    const { install, upgrade, goBack, remove } = manager(root);
    mkdirSync(join(root.changes, 'run/systemd/system'), { recursive: true });
    mkdirSync(join(root.changes, 'usr/sbin'), { recursive: true });
    writeFileSync(join(root.changes, 'usr/sbin/systemctl'), NOTING_SYSTEMCTL, { mode: 0o755 });
    /** What systemctl was asked for meanwhile, but to read units again, in no order: that is the manager's. */
    const asked = (work: () => void) => {
      root.runWell('rm', ['-f', '/run/asked']);
      work();
      const { stdout } = root.runWell('cat', ['/run/asked']);
      return stdout
        .split('\n')
        .filter((line) => line !== '' && line !== 'daemon-reload')
        .sort();
    };
    const before = root.paths();
    const besideScript = (work: () => void) => {
      root.runWell('sh', [
        '-c',
        `mkdir /opt/tributary && printf '%s\\n' ${PROGRAMS.join(' ')} > /opt/tributary/.installed`,
      ]);
      const done = asked(work);
      root.runWell('rm', ['-r', '/opt/tributary']);
      return done;
    };
    expect(besideScript(install)).toEqual([]);
    remove();
    expect(root.paths()).toEqual(before);

    install();
    for (const program of PROGRAMS) {
      expect(root.runWell(program, ['--version']).stdout).toBe(`${VERSION}\n`);
      expect(root.runWell('id', ['-gn', program]).stdout).toBe(`${program}\n`);
    }
    root.runWell('tributary-concentrator', ['init', '--public', 'vps.example.org']);
    root.runWell('tributary-concentrator', ['certificate', 'prepare']);
    const owner = root.runWell('stat', ['--format=%U:%G %a', '/etc/tributary/key.pem']).stdout;
    expect(owner).toBe('root:tributary-concentrator 640\n');
    root.runWell('systemctl', ['disable', 'tributary-client']);
    const kept = () => [
      root.run('systemctl', ['is-enabled', ...PROGRAMS]).stdout,
      root.runWell('sh', ['-c', 'cd /etc/tributary && stat --format="%n %U:%G %a" * && sha256sum *']).stdout,
    ];
    let configured = kept();
    expect(configured[0]).toMatch(/^disabled\n/);
    expect(asked(upgrade)).toEqual(PROGRAMS.map((program) => `try-restart ${program}.service`));
    expect(kept()).toEqual(configured);
    expect(root.runWell('tributary-concentrator', ['--version']).stdout).toBe(`${NEWER}\n`);

    expect(besideScript(goBack)).toEqual([]);
    expect(kept()).toEqual(configured);

    // What the version that comes refuses: the concentrator runs on as it is.
    root.runWell('sh', ['-c', 'echo "listn: 1" >> /etc/tributary/tributary-concentrator.yaml']);
    configured = kept();
    let said = '';
    const restarted = asked(() => {
      said = upgrade();
    });
    expect(restarted).toEqual(['try-restart tributary-client.service']);
    expect(said).toMatch(/refuses \/etc\/tributary\/tributary-concentrator\.yaml:[\s\S]*listn/);
    expect(kept()).toEqual(configured);

    root.runWell('sh', ['-c', leaveData(...PROGRAMS)]);
    remove();
    expect(root.paths()).toEqual(before);
    expect(root.runWell('cat', ['/etc/passwd', '/etc/group']).stdout).not.toContain('tributary');
  } finally {
    root.remove();
  }
}
