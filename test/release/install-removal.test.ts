/* What install.sh takes away with the programs, and what it leaves to others. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import type { DebianRoot, Ran } from './support/debian-root.ts';
import { makeFakeRelease, scriptedRoot } from './support/fake-release.ts';
import { leaveData } from './support/leave-data.ts';

const TIMEOUT_MS = 600_000;
const CLIENT = 'tributary-client';
const CONCENTRATOR = 'tributary-concentrator';
const UNITS = '/etc/systemd/system';

describe('install.sh --uninstall', { ...needs('debian'), timeout: TIMEOUT_MS }, () => {
  let root: DebianRoot;
  let before: readonly string[];

  const release = mkdtempSync(join(tmpdir(), 'tributary-release-'));

  beforeAll(async () => {
    makeFakeRelease(release, { version: '1.0.0' });
    await makeDebianBases([12]);
  }, TIMEOUT_MS);
  beforeEach(() => {
    root?.remove();
    root = scriptedRoot(release);
    before = root.paths();
  }, TIMEOUT_MS);
  afterAll(() => {
    root?.remove();
    rmSync(release, { recursive: true });
  }, TIMEOUT_MS);

  const shell = (script: string) => root.runWell('sh', ['-ec', script]).stdout;
  const install = (args: string, { input = '', setting = ':' } = {}): Ran =>
    root.run('sh', ['-c', `${setting}; sh /root/install.sh ${args}`], { input });
  const concentrator = () => expect(install('--public vps.example.org')).toMatchObject({ status: 0 });
  const client = (setting = ':') =>
    expect(install('--client', { input: 'tributary://link\n', setting })).toMatchObject({ status: 0 });
  /** As an administrator has systemd listen for the client. */
  const socketOfClient = () => {
    shell(`mkdir -p ${UNITS}/sockets.target.wants ${UNITS}/${CLIENT}.socket.d
      for each in ${UNITS}/${CLIENT}.socket ${UNITS}/${CLIENT}.socket.d/mine.conf; do echo > $each; done
      ln -s ${UNITS}/${CLIENT}.socket ${UNITS}/sockets.target.wants/`);
    expect(root.run('systemctl', ['enable', '--now', `${CLIENT}.socket`])).toMatchObject({ status: 0 });
  };
  const enabled = () =>
    readdirSync(join(root.changes, 'run/fake')).filter((name) => name.endsWith('.enabled'));
  /** Without what a socket of the client was enabled in. */
  const withoutWants = (paths: readonly string[]) =>
    paths.filter((path) => path !== `.${UNITS}/sockets.target.wants`);
  const uninstall = () => expect(install('--uninstall')).toMatchObject({ status: 0 });

  it('leaves on removal what others have put in the place of its commands since', () => {
    concentrator();
    root.runWell('ln', ['-sfn', '/nonexistent', '/usr/local/bin/tributary-client']);
    uninstall();
    expect(root.paths()).toEqual([...before, './usr/local/bin/tributary-client'].sort());
  });

  it('takes the socket away by which the service would be started again', () => {
    client();
    socketOfClient();
    uninstall();
    expect(withoutWants(root.paths())).toEqual(withoutWants(before));
    expect(enabled()).toEqual([]);
  });

  it('leaves to a package that was installed since its configuration, keys, state and user', () => {
    concentrator();
    client();
    // As the package of the concentrator has them.
    const ofPackage = [
      `/usr/lib/tributary/bin/${CONCENTRATOR}`,
      `/usr/lib/systemd/system/${CONCENTRATOR}.service`,
    ];
    shell(ofPackage.map((file) => `mkdir -p $(dirname ${file}) && echo > ${file}`).join('\n'));
    shell(leaveData(CONCENTRATOR));
    const kept = () =>
      shell(
        `find /etc/tributary /var/lib/${CONCENTRATOR} -name '*' ! -name '${CLIENT}*' | sort; id ${CONCENTRATOR}`,
      );
    const there = kept();
    const { status, stderr } = install('--uninstall');
    expect([status, stderr]).toEqual([0, expect.stringContaining(`systemctl enable --now ${CONCENTRATOR}`)]);
    expect(kept()).toBe(there);
    const left = root.paths().filter((path) => !before.includes(path));
    expect(left.filter((path) => /^\.\/(opt|usr\/local|etc\/systemd)\//.test(path))).toEqual([]);
    expect(left.filter((path) => path.includes(CLIENT))).toEqual([]);
  });

  it('empties folders that are elsewhere', () => {
    const places = ['/opt/tributary', '/etc/tributary', `/var/lib/${CONCENTRATOR}`];
    shell(
      places.map((place, i) => `mkdir -p /srv/${i} $(dirname ${place}); ln -s /srv/${i} ${place}`).join('\n'),
    );
    concentrator();
    shell(leaveData(CONCENTRATOR));
    uninstall();
    expect(shell('find /srv -mindepth 2')).toBe('');
  });

  it('removes nothing of a program that runs on', () => {
    client();
    socketOfClient();
    const there = [root.paths(), enabled()];
    const beside = (place: string) =>
      root.run('sh', [
        '-c',
        `user=$(id -u ${CLIENT})
chroot --userspec=$user:$user --groups= ${place} /bin/tail -n 0 -f /bin/tail &
until ! kill -0 $! || find /proc -maxdepth 1 -user $user | grep -q .; do :; done
sh /root/install.sh --uninstall`,
      ]);
    const { status, stderr } = beside('/');
    expect(stderr).toMatch(/tributary-client runs on, as process \d+: stop it first/);
    expect([status, root.paths(), enabled()]).toEqual([1, ...there]);
    // As in a container, whose user of the same number is somebody else.
    expect(beside('/usr')).toMatchObject({ status: 0 });
    expect(withoutWants(root.paths())).toEqual(withoutWants(before));
  });

  it('takes away what was configured, whatever else the environment of root names', () => {
    client('export TRIBUTARY_CONFIG=/srv/other.yaml STATE_DIRECTORY=/srv');
    expect(shell('ls /etc/tributary')).toBe(`${CLIENT}.yaml\n`);
    uninstall();
    expect(root.paths()).toEqual(before);
  });
});
