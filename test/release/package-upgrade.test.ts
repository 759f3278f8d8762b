/* What Debian's package manager does with services, configuration and keys when versions come and go, good and bad. */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { Network } from '../system/support/namespaces.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { DebianMachine } from './support/debian-machine.ts';
import { leaveData } from './support/leave-data.ts';
import { newerDebianPackages } from './support/newer-packages.ts';
import { madePackages, madeRelease, NEWER, VERSION } from './support/release.ts';

const TIMEOUT_MS = 600_000;
const CLIENT = 'tributary-client';
const CONCENTRATOR = 'tributary-concentrator';
const PROGRAMS = [CLIENT, CONCENTRATOR] as const;
/** Versions of the concentrator alone that are no good, by what their program does. */
const BAD: Readonly<Record<string, string>> = {
  '999.0.1': `case "$1" in check) echo 'listn: no such key' >&2; exit 2 ;; --version) echo 999.0.1 ;; *) exit 2 ;; esac`,
  '999.0.2': `case "$1" in check) exit 1 ;; --version) echo 999.0.2 ;; *) exit 1 ;; esac`,
};
const [REFUSING, ENDING] = Object.keys(BAD) as [string, string];

describe('an upgrade of packages on Debian', { ...needs('debian', 'network'), timeout: TIMEOUT_MS }, () => {
  let network: Network;
  let machine: DebianMachine;
  let before: readonly string[];

  beforeAll(async () => {
    const [made] = await Promise.all([madePackages(), makeDebianBases([12])]);
    const path = { name: 'wan0', downMbps: 100, upMbps: 100 };
    network = await Network.create({ paths: [path], congestionControl: 'cubic' });
    machine = new DebianMachine(12, network.concentrator);
    placePackages(made, join(machine.root.changes, 'root'));
    cpSync(await madeRelease(VERSION), join(machine.root.changes, 'root/release'), { recursive: true });
    // Nothing of a test need outlive the machine below.
    const options = join(machine.root.changes, 'etc/dpkg/dpkg.cfg.d');
    mkdirSync(options, { recursive: true });
    writeFileSync(join(options, 'quickly'), 'force-unsafe-io\n');
    await machine.boot('vps');
    before = machine.paths();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await machine?.remove();
    await network?.close();
  }, TIMEOUT_MS);

  const install = (version: string, ...programs: readonly string[]) => {
    const files = programs.map((name) => `/root/${version}/${name}.deb`);
    const { status, stdout, stderr } = machine.run('apt-get', [
      ...['install', '--yes', '--allow-downgrades', ...files],
    ]);
    expect([status, stderr]).toEqual([0, expect.anything()]);
    return stdout + stderr;
  };
  const show = (program: string, property: string) =>
    machine.runWell('systemctl', ['show', '--property', property, '--value', program]).trim();
  const state = (program: string) => [
    machine.run('systemctl', ['is-enabled', program]).stdout.trim(),
    machine.run('systemctl', ['is-active', program]).stdout.trim(),
    machine.runWell(program, ['--version']).trim(),
  ];
  /** What is configured: rights and content. */
  const kept = () =>
    machine.runWell('sh', ['-c', 'cd /etc/tributary && stat --format="%n %U:%G %a" . * && sha256sum *']);
  const runs = (program: string) =>
    machine.runWell('readlink', [`/proc/${show(program, 'MainPID')}/exe`]).trim();

  it('of one program that is purged leaves the folder of the other', () => {
    install(VERSION, 'tributary-runtime', ...PROGRAMS);
    machine.runWell('apt-get', ['purge', '--yes', CLIENT]);
    expect(machine.runWell('ls', ['-d', '/etc/tributary'])).toBe('/etc/tributary\n');
  });

  it('keeps configuration and keys, runs what ran, and leaves off what is switched off', () => {
    install(VERSION, 'tributary-runtime', ...PROGRAMS);
    machine.runWell('systemctl', ['enable', CLIENT]);
    const init = ['init', '--force', '--public', network.concentrator.address.v4, '--start'];
    const link = machine.runWell(CONCENTRATOR, init);
    machine.runWell(CONCENTRATOR, ['certificate', 'prepare', '--force']);
    machine.runWell(CLIENT, ['join', '--force', '--start'], { input: link });
    expect(PROGRAMS.map(state)).toEqual(PROGRAMS.map(() => ['enabled', 'active', VERSION]));
    machine.runWell('systemctl', ['disable', '--now', CLIENT]);
    const configured = kept();
    expect(configured).toContain('key.next.pem');
    const pid = show(CONCENTRATOR, 'MainPID');

    install(NEWER, 'tributary-runtime', ...PROGRAMS);
    expect(state(CLIENT)).toEqual(['disabled', 'inactive', NEWER]);
    expect(state(CONCENTRATOR)).toEqual(['enabled', 'active', NEWER]);
    expect(show(CONCENTRATOR, 'MainPID')).not.toBe(pid);
    expect(runs(CONCENTRATOR)).toBe('/usr/lib/tributary/lib/node');
    expect(kept()).toBe(configured);
  });

  it('to a version that refuses the configuration leaves what runs', () => {
    install(NEWER, CONCENTRATOR);
    const [configured, pid] = [kept(), show(CONCENTRATOR, 'MainPID')];
    const said = install(REFUSING, CONCENTRATOR);
    expect(said).toMatch(/refuses \/etc\/tributary\/tributary-concentrator\.yaml:\s+listn: no such key/);
    expect(state(CONCENTRATOR)).toEqual(['enabled', 'active', REFUSING]);
    expect(show(CONCENTRATOR, 'MainPID')).toBe(pid);
    expect(kept()).toBe(configured);
  });

  it('to a version that does not run loses nothing, and the one before runs again', () => {
    const configured = kept();
    install(ENDING, CONCENTRATOR);
    expect(state(CONCENTRATOR)).toEqual(['enabled', expect.not.stringMatching(/^active$/), ENDING]);
    expect(kept()).toBe(configured);
    install(NEWER, CONCENTRATOR);
    expect(state(CONCENTRATOR)).toEqual(['enabled', 'active', NEWER]);
    expect(kept()).toBe(configured);
  });

  it('and an installation by install.sh leave keys and configuration to each other', () => {
    const script = (args: readonly string[], input = '') => {
      const { status, stdout, stderr } = machine.run('sh', ['/root/release/install.sh', ...args], { input });
      expect([status, stderr]).toEqual([0, expect.anything()]);
      return stdout;
    };
    const masked = () =>
      machine.runWell('find', ['/etc/systemd/system', '-name', 'tributary*', '-lname', '/dev/null']);
    machine.runWell('apt-get', ['purge', '--yes', 'tributary-*']);
    const link = script(['--public', network.concentrator.address.v4]);
    let [configured, user] = [kept(), machine.runWell('id', [CONCENTRATOR])];

    // It leaves the service as it is, off or on.
    machine.runWell('systemctl', ['disable', '--now', CONCENTRATOR]);
    expect(install(VERSION, 'tributary-runtime', ...PROGRAMS)).toContain(
      '"sh install.sh --uninstall" removes that',
    );
    expect(state(CONCENTRATOR)).toEqual(['disabled', 'inactive', VERSION]);
    machine.runWell('systemctl', ['enable', '--now', CONCENTRATOR]);
    const pid = show(CONCENTRATOR, 'MainPID');
    install(NEWER, 'tributary-runtime', ...PROGRAMS);
    expect(state(CONCENTRATOR)).toEqual(['enabled', 'active', VERSION]);
    expect(show(CONCENTRATOR, 'MainPID')).toBe(pid);
    script(['--uninstall']);
    expect([kept(), machine.runWell('id', [CONCENTRATOR])]).toEqual([configured, user]);
    machine.runWell('systemctl', ['enable', '--now', CONCENTRATOR]);
    expect(runs(CONCENTRATOR)).toBe('/usr/lib/tributary/lib/node');

    machine.runWell('apt-get', ['remove', '--yes', 'tributary-*']);
    // Of a package that is removed and not purged, systemd is told to start nothing.
    expect(masked()).toContain(`${CLIENT}.socket`);
    const names = PROGRAMS.map((program) => `/etc/systemd/system/${program}.service`);
    machine.runWell('rm', ['-f', ...names]);
    script(['--public', network.concentrator.address.v4]);
    script(['--client'], link);
    configured = kept();
    machine.runWell('apt-get', ['purge', '--yes', 'tributary-*']);
    expect([kept(), machine.runWell('id', [CONCENTRATOR])]).toEqual([configured, user]);
    for (const program of PROGRAMS) {
      expect(runs(program)).toMatch(/^\/opt\/tributary\//);
      expect(state(program)).toEqual(['enabled', 'active', VERSION]);
    }
    expect(masked()).toBe('');

    // Nor is anything masked that a package leaves beside it.
    install(VERSION, 'tributary-runtime', ...PROGRAMS);
    machine.runWell('apt-get', ['remove', '--yes', 'tributary-*']);
    expect(masked()).toBe('');
    script(['--uninstall']);
    install(NEWER, 'tributary-runtime', ...PROGRAMS);
  });

  it('ends with a purge that leaves nothing, whatever else was being written', () => {
    machine.runWell('sh', ['-c', leaveData(...PROGRAMS)]);
    machine.runWell('apt-get', ['purge', '--yes', 'tributary-*']);
    expect(machine.paths()).toEqual(before);
  });
});

/** A folder for each version, with files that have the names of packages. */
function placePackages(made: string, folder: string): void {
  const debs = readdirSync(made).filter((name) => name.endsWith('.deb'));
  const folderOf = (version: string) => join(folder, version);
  mkdirSync(folderOf(VERSION), { recursive: true });
  for (const deb of debs) cpSync(join(made, deb), join(folderOf(VERSION), deb.replace(/_.*/, '.deb')));
  newerDebianPackages(
    debs.map((deb) => join(made, deb)),
    NEWER,
    folderOf(NEWER),
  );
  for (const [version, script] of Object.entries(BAD)) {
    newerDebianPackages(
      [join(folderOf(NEWER), `${CONCENTRATOR}.deb`)],
      version,
      folderOf(version),
      (root) => {
        const program = join(root, `usr/lib/tributary/bin/${CONCENTRATOR}`);
        writeFileSync(program, `#!/bin/sh\n${script}\n`);
      },
    );
  }
}
