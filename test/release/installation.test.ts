/*
 * From nothing to the first byte, and on: two fresh machines with systemd, set up by the commands of docs/installation.md.
 *
 *   home                      two links of 20 Mbit/s                vps                        origin
 *  ┌──────────────────┐                                ┌───────────────────────────┐      ┌────────────┐
 *  │ tributary-client │◄── wan0, wan1 ────────────────►│ tributary-concentrator    │◄────►│ web server │
 *  │ 127.0.0.1:1080   │                                │ vps.example.org 10.78.0.1 │      │            │
 *  └──────────────────┘                                └───────────────────────────┘      └────────────┘
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFile, sectionLines, shellLines } from '../documents/markdown.ts';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';
import { Network } from '../system/support/namespaces.ts';
import { Origin } from '../system/support/origin.ts';
import { report } from '../system/support/system.ts';
import { allowedMs } from './support/allowed-time.ts';
import { type DebianVersion, makeDebianBases } from './support/debian-base.ts';
import { DebianMachine } from './support/debian-machine.ts';
import { madePackages, madeRelease, NEWER, VERSION } from './support/release.ts';

const TIMEOUT_MS = 600_000;
const ORIGIN_PORT = 8080;
const LINK = { downMbps: 20, upMbps: 20 };
/** Where the files of the release lie on both machines. */
const RELEASE = '/root/release';
/** An upgrade keeps applications waiting for no longer. */
const MAX_INTERRUPTION_MS = 2_000;
/** Of the load beside an upgrade: before it, and after. */
const AROUND_MS = 1_500;
const FIRST_BYTE_LIMIT_MS = 30_000;
const PROGRAMS = { vps: 'tributary-concentrator', home: 'tributary-client' } as const;
/** `systemd-analyze security` rates from 0 to 10. */
const MAX_EXPOSURE = 1.6;

const document = await projectFile('docs/installation.md');
/** The commands of the document, one block for each machine. */
const BY_SCRIPT = blocks('### From a bundle by a script, with the service');
const BY_PACKAGES = blocks('### From packages for Debian and Ubuntu');
/** The first line of what is said of desktops. */
const SET_PROXY = firstLine('## 4. Applications');
/** Somebody who works at home. */
const USER = 'anna';
const CONFIGURATION = ['certificate.pem', 'clients.yaml', 'key.pem', 'tributary-concentrator.yaml'];

beforeAll(async () => {
  await Promise.all([makeDebianBases([12, 13]), madeRelease(VERSION)]);
  await madeRelease(NEWER);
}, TIMEOUT_MS);

describe.each([12, 13] as const)(
  'on a fresh Debian %i',
  { ...needs('debian', 'network'), timeout: TIMEOUT_MS },
  (debian) => {
    let system: System;
    beforeAll(async () => {
      system = await System.boot(debian);
    }, TIMEOUT_MS);
    afterAll(() => system?.remove(), TIMEOUT_MS);

    it('a script leads to the first byte over two uplinks by one command on each machine', async () => {
      const { vps, home } = system;
      expect([BY_SCRIPT.vps.length, BY_SCRIPT.home.length]).toEqual([1, 1]);
      const { link, said } = await setUp(system, BY_SCRIPT, `Debian ${debian}, by a script`);
      expect(link).toMatch(/^tributary:\/\/client1:\S+\n$/);
      expect(said).toContain('Let port 8443 in');
      expect(said).toMatch(/[█▀▄]{10}/);
      expectReadableByService(vps);
      const pid = mainPid(home, PROGRAMS.home);
      // Again is no harm: nothing is said that is secret, and nothing restarts.
      expect(home.run('sh', ['install.sh'], { cwd: RELEASE })).toMatchObject({ status: 0, stdout: '' });
      expect(mainPid(home, PROGRAMS.home)).toBe(pid);
    });

    it.each(['vps', 'home'] as const)(
      'the service of %s runs as its user, confined, and its unit is right',
      (place) => {
        const machine = system[place];
        const program = PROGRAMS[place];
        const status = machine.runWell('stat', ['--format=%U', `/proc/${mainPid(machine, program)}`]);
        expect(status.trim()).toBe(program);
        expect(machine.run('systemd-analyze', ['verify', '--man=no', `${program}.service`])).toMatchObject({
          status: 0,
          stderr: '',
        });
        const security = machine.runWell('systemd-analyze', ['security', '--no-pager', program]);
        const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(security)?.[1]);
        expect(exposure).toBeLessThanOrEqual(MAX_EXPOSURE);
        expect(machine.runWell('systemctl', ['is-enabled', program]).trim()).toBe('enabled');
      },
    );

    // Each end on one of the two: they do not differ in it.
    const upgraded = debian === 12 ? ('vps' as const) : ('home' as const);
    it.each([
      ['is upgraded', '--from /root/newer', NEWER],
      ['goes back', '--rollback', VERSION],
    ] as const)(`applications wait less than 2 s when ${upgraded} %s`, async (what, options, version) => {
      const machine = system[upgraded];
      // A second try begins where the first did.
      if (versionOn(machine, PROGRAMS[upgraded]) === version) upgrade(machine, '--rollback');
      const load = await Load.start(system);
      await sleep(AROUND_MS);
      const sinceMs = performance.now();
      upgrade(machine, ...options.split(' '));
      const tookMs = performance.now() - sinceMs;
      await sleep(AROUND_MS);
      const figures = await load.end();
      report(
        `Debian ${debian}, ${PROGRAMS[upgraded]} ${what} in ${seconds(tookMs)}: no new connection for ${figures.longestWaitMs} ms, ` +
          `no byte of a download for ${figures.longestPauseMs} ms; ${figures.breaks} broken off, ${figures.refusals} of ` +
          `${figures.answers + figures.refusals} connections refused`,
      );
      expect(versionOn(machine, PROGRAMS[upgraded])).toBe(version);
      const limitMs = allowedMs(MAX_INTERRUPTION_MS);
      expect(figures.longestWaitMs).toBeLessThan(limitMs);
      expect(figures.longestPauseMs).toBeLessThan(limitMs);
    });

    it.each(['vps', 'home'] as const)('the script leaves nothing on %s', (place) => {
      if (place === 'home') setProxy(system.home);
      system[place].runWell('sh', ['install.sh', '--uninstall'], { cwd: RELEASE });
      expectNothingLeft(system, place);
    });

    it('packages lead to the first byte over two uplinks by two commands on each machine', async () => {
      expect([BY_PACKAGES.vps.length, BY_PACKAGES.home.length]).toEqual([2, 2]);
      await setUp(system, BY_PACKAGES, `Debian ${debian}, by packages`);
      expectReadableByService(system.vps);
      setProxy(system.home);
      for (const place of ['vps', 'home'] as const) {
        expect(system[place].runWell('systemctl', ['is-enabled', PROGRAMS[place]]).trim()).toBe('enabled');
        system[place].runWell('apt-get', ['purge', '--yes', 'tributary-*']);
        expectNothingLeft(system, place);
      }
    });
  },
);

/** Both machines, their network, and an origin. */
class System {
  readonly network: Network;
  readonly origin: Origin;
  readonly vps: DebianMachine;
  readonly home: DebianMachine;
  readonly before: Readonly<Record<'vps' | 'home', readonly string[]>>;

  private constructor(network: Network, origin: Origin, vps: DebianMachine, home: DebianMachine) {
    this.network = network;
    this.origin = origin;
    this.vps = vps;
    this.home = home;
    this.before = { vps: vps.paths(), home: home.paths() };
  }

  static async boot(debian: DebianVersion): Promise<System> {
    const paths = ['wan0', 'wan1'].map((name) => ({ name, ...LINK }));
    const network = await Network.create({ paths, congestionControl: 'cubic' });
    const vps = new DebianMachine(debian, network.concentrator);
    const home = new DebianMachine(debian, network.client);
    const [now, newer, made] = [await madeRelease(VERSION), await madeRelease(NEWER), await madePackages()];
    const packages = readdirSync(made).filter((name) => name.endsWith('.deb'));
    for (const { root } of [vps, home]) {
      mkdirSync(join(root.changes, 'root'), { mode: 0o700 });
      cpSync(now, join(root.changes, RELEASE), { recursive: true });
      cpSync(newer, join(root.changes, 'root/newer'), { recursive: true });
      for (const deb of packages) cpSync(join(made, deb), join(root.changes, RELEASE, deb));
      mkdirSync(join(root.changes, 'etc'));
      const hosts = `127.0.0.1 localhost\n${network.concentrator.address.v4} vps.example.org\n`;
      writeFileSync(join(root.changes, 'etc/hosts'), hosts);
    }
    await Promise.all([vps.boot('vps'), home.boot('home')]);
    home.runWell('useradd', ['--create-home', USER]);
    return new System(network, await Origin.start(network, ORIGIN_PORT), vps, home);
  }

  async remove(): Promise<void> {
    await Promise.all([this.vps.remove(), this.home.remove()]);
    await this.network.close();
  }
}

/** What load.mjs prints. */
interface LoadFigures {
  readonly answers: number;
  readonly refusals: number;
  readonly downloads: number;
  readonly breaks: number;
  readonly longestPauseMs: number;
  readonly longestWaitMs: number;
}

/** Applications at home, under way. */
class Load {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
  }

  static async start({ network }: System): Promise<Load> {
    const program = join(PROJECT_FOLDER, 'test/release/support/load.mjs');
    const args = [program, '1080', network.origin.address.v4, String(ORIGIN_PORT)];
    const load = new Load(
      network.client.spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await once(load.#child.stdout!, 'data');
    return load;
  }

  async end(): Promise<LoadFigures> {
    this.#child.stdin!.end();
    await once(this.#child, 'close');
    return JSON.parse(this.#output.split('\n')[1]!) as LoadFigures;
  }
}

/** Runs the commands of the document, and waits for the first byte. @returns what the VPS has printed */
async function setUp(
  system: System,
  commands: Commands,
  what: string,
): Promise<{ readonly link: string; readonly said: string }> {
  const { vps, home, network, origin } = system;
  const sinceMs = performance.now();
  let [link, said] = ['', ''];
  for (const command of commands.vps) {
    const { status, stdout, stderr } = vps.run('sh', ['-c', command], { cwd: RELEASE });
    expect([command, status, status === 0 ? '' : stderr]).toEqual([command, 0, '']);
    [link, said] = [stdout, stderr];
  }
  const vpsMs = performance.now() - sinceMs;
  allowOrigin(vps);
  const homeSinceMs = performance.now();
  for (const command of commands.home) {
    home.runWell('sh', ['-c', command], { cwd: RELEASE, input: command.startsWith('apt') ? '' : link });
  }
  const homeMs = performance.now() - homeSinceMs;
  await firstByte(system);
  const firstByteMs = performance.now() - sinceMs;
  const before = await Promise.all(network.paths.map((path) => path.counters()));
  const proxied = ['--silent', '--socks5-hostname', '127.0.0.1:1080'];
  const written = ['--output', '/dev/null', '--write-out', '%{size_download}'];
  const get = [...proxied, ...written, `${origin.url}/bytes/5000000`];
  expect(await network.client.exec('curl', get)).toBe('5000000');
  for (const [i, path] of network.paths.entries()) {
    expect((await path.counters()).receivedBytes - before[i]!.receivedBytes).toBeGreaterThan(1e6);
  }
  report(
    `${what}: ${commands.vps.length} command(s) on the VPS in ${seconds(vpsMs)}, ${commands.home.length} at home in ` +
      `${seconds(homeMs)}, first byte over two uplinks after ${seconds(firstByteMs)}`,
  );
  return { link, said };
}

/** What a user sets goes with the program. */
function setProxy(home: DebianMachine): void {
  home.runWell('runuser', ['-u', USER, '--', 'sh', '-c', SET_PROXY]);
  expect(home.paths()).toContain(`./home/${USER}/.config/environment.d/50-tributary-proxy.conf`);
}

function upgrade(machine: DebianMachine, ...options: readonly string[]): void {
  machine.runWell('sh', ['install.sh', ...options], { cwd: RELEASE });
}

function versionOn(machine: DebianMachine, program: string): string {
  return machine.runWell(program, ['--version']).trim();
}

function mainPid(machine: DebianMachine, program: string): string {
  return machine.runWell('systemctl', ['show', '--property=MainPID', '--value', program]).trim();
}

function expectNothingLeft(system: System, place: 'vps' | 'home'): void {
  expect(system[place].paths()).toEqual(system.before[place]);
  expect(system[place].runWell('cat', ['/etc/passwd', '/etc/group'])).not.toContain('tributary');
}

/** The keys are root's, and the group of the service may read them. */
function expectReadableByService(vps: DebianMachine): void {
  for (const name of CONFIGURATION) {
    const owner = vps.runWell('stat', ['--format=%U:%G %a', `/etc/tributary/${name}`]).trim();
    expect([name, owner]).toEqual([name, 'root:tributary-concentrator 640']);
  }
}

/** The origin of this test has a private address, which nobody reaches otherwise. */
function allowOrigin(vps: DebianMachine): void {
  const file = join(vps.root.changes, 'etc/tributary/tributary-concentrator.yaml');
  const text = readFileSync(file, 'utf8');
  const allowed = text.replace(/# allow: .*/, 'allow: ["10.78.254.0/24"]');
  vps.runWell('sh', ['-c', 'cat > /etc/tributary/tributary-concentrator.yaml'], { input: allowed });
  vps.runWell('systemctl', ['reload', 'tributary-concentrator']);
}

async function firstByte({ network, origin }: System): Promise<void> {
  const limit = AbortSignal.timeout(FIRST_BYTE_LIMIT_MS);
  const get = () =>
    network.client.exec('curl', ['--silent', '--socks5-hostname', '127.0.0.1:1080', `${origin.url}/bytes/1`]);
  while ((await get().catch(() => '')) === '') limit.throwIfAborted();
}

/** What is to be typed on each machine. */
interface Commands {
  readonly vps: readonly string[];
  readonly home: readonly string[];
}

function firstLine(heading: string): string {
  const [line] = shellLines(`${sectionLines(document, heading).join('\n')}\n`);
  if (line === undefined) throw new Error(`"${heading}" has no line to type`);
  return line;
}

/** The lines of the first two ```sh blocks of a section of the document. */
function blocks(heading: string): Commands {
  const section = sectionLines(document, heading).join('\n');
  const [vps, home] = (section.match(/^```sh\n.*?^```$/gms) ?? []).map((block) => shellLines(`${block}\n`));
  if (vps === undefined || home === undefined) throw new Error(`"${heading}" has another form`);
  return { vps, home };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
