import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { DebianRoot, LIST, type Ran } from './support/debian-root.ts';
import { bundleName, madeRelease, NEWER, VERSION } from './support/release.ts';

const TIMEOUT_MS = 600_000;
const PUBLIC = ['--public', 'vps.example.org'] as const;
/** Where the files are. */
const [NOW, LATER, DAMAGED] = ['/root/now', '/root/later', '/root/damaged'] as const;

describe('install.sh', { ...needs('debian'), timeout: TIMEOUT_MS }, () => {
  let root: DebianRoot;
  let before: readonly string[];

  beforeAll(async () => {
    await Promise.all([makeDebianBases([12]), madeRelease(VERSION)]);
    root = new DebianRoot(12);
    for (const [from, to] of [
      [await madeRelease(VERSION), NOW],
      [await madeRelease(NEWER), LATER],
    ] as const) {
      cpSync(from, join(root.changes, to), { recursive: true });
    }
    mkdirSync(join(root.changes, DAMAGED));
    writeFileSync(
      join(root.changes, DAMAGED, 'SHA256SUMS'),
      `${'0'.repeat(64)}  ${bundleName(VERSION)}.tar.gz\n`,
    );
    writeFileSync(join(root.changes, DAMAGED, `${bundleName(VERSION)}.tar.gz`), 'nonsense');
    before = root.paths();
  }, TIMEOUT_MS);
  afterAll(() => root?.remove(), TIMEOUT_MS);

  /** @param setting shell commands that change the system before, for this run alone, such as mounts */
  const install = (args: readonly string[], setting = ':', start = `sh ${NOW}/install.sh "$@"`): Ran =>
    root.run('sh', ['-c', `${setting} && ${start}`, 'sh', ...args]);
  const version = () => root.run('tributary-concentrator', ['--version']).stdout.trim();

  it.each<[problem: string, args: readonly string[], words: RegExp, setting?: string]>([
    ['nothing is said', [], /say --public NAME/],
    [
      'there is no name for the concentrator',
      ['--concentrator'],
      /name or address of this machine by --public/,
    ],
    ['there is nobody to give the link', ['--client'], /on standard input/, 'exec < /dev/null'],
    [
      'anybody on the way could change the bundle',
      [...PUBLIC, '--from', 'http://127.0.0.1:9/'],
      /give --key/,
    ],
    ['nothing of it is installed', ['--uninstall'], /has installed nothing here/],
    ['an option is unknown', ['--pubic', 'vps.example.org'], /there is no --pubic/],
    ['a value is missing', ['--public'], /--public needs a value/],
    ['there is no bundle', [...PUBLIC, '--from', '/nonexistent'], /no SHA256SUMS in \/nonexistent/],
    ['the bundle is damaged', [...PUBLIC, '--from', DAMAGED], /is damaged/],
    ['there is nothing to go back to', ['--rollback'], /no version before/],
    ['the key is missing', [...PUBLIC, '--key', '/nonexistent'], /there is no \/nonexistent/],
    ['nothing checks signatures', [...PUBLIC, '--key', '/etc/passwd'], /openssl is missing/],
    ['nothing fetches the bundle', [...PUBLIC, '--from', 'https://127.0.0.1:9/'], /neither curl nor wget/],
    ['the processor is another', PUBLIC, /no bundle for riscv64/, fakeUname('riscv64')],
    [
      'the bundles are for other processors',
      PUBLIC,
      /no bundle for linux-arm64/,
      `${fakeUname('aarch64')} && ${withLibrary('ld-linux-aarch64.so.1')}`,
    ],
    ['the C library is another', PUBLIC, /lacks the GNU C library/, fakeUname('aarch64')],
    ['the system is not Linux', PUBLIC, /not Linux/, fakeUname('x86_64', 'FreeBSD')],
    ['a tool is missing', PUBLIC, /gzip is missing/, 'mount --bind /dev/null /usr/bin/gzip'],
    [
      'the system is read-only',
      PUBLIC,
      /\/usr\/local\S* is read-only/,
      'mount -t tmpfs -o ro none /usr/local',
    ],
    ['a package has installed it already', PUBLIC, /its package manager/, withLibrary('tributary')],
    ['the disk is full', PUBLIC, /cannot be unpacked/, 'mount -t tmpfs -o size=20m none /opt'],
    ['the bundle does not run', PUBLIC, /does not run on this system/, 'mount -t tmpfs -o noexec none /opt'],
  ])('says what is wrong when %s, and changes nothing', (_, args, words, setting) => {
    if (setting === undefined) {
      expect(install(args)).toMatchObject({ status: 1, stderr: expect.stringMatching(words) });
      expect(root.paths()).toEqual(before);
      return;
    }
    // Within the run, since what the setting mounts is gone afterwards.
    const script = `sh ${NOW}/install.sh "$@"; status=$?; (${LIST}) | sort | diff /tmp/before - >&2; exit $status`;
    const { status, stderr } = install(args, `${setting} && ((${LIST}) | sort > /tmp/before)`, script);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^[<>]/m);
    expect(status).toBe(1);
  });

  it('installs without systemd, from standard input, and survives what an upgrade may meet', () => {
    // As "curl ... | sh -s -- ..." does it, from some folder.
    const installed = install([...PUBLIC, '--from', NOW], 'cd /var', `sh -s -- "$@" < ${NOW}/install.sh`);
    expect(installed).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^tributary:\/\/client1:\S+\n$/),
    });
    expect(installed.stderr).toContain(
      'systemd does not run here: start it yourself: tributary-concentrator',
    );
    expect(version()).toBe(VERSION);

    const later = (setting: string, start?: string) => install(['--from', LATER], setting, start);
    const small =
      'mkdir /tmp/opt && cp -a /opt/. /tmp/opt && mount -t tmpfs -o size=200m none /opt && cp -a /tmp/opt/. /opt';
    const full = later(
      `${small} && rm -r /tmp/opt`,
      `sh ${NOW}/install.sh "$@"; tributary-concentrator --version`,
    );
    expect(full.stderr).toContain('cannot be unpacked');
    expect(full.stdout).toBe(`${VERSION}\n`);

    // Killed while it unpacks: what is there runs on, and the next try makes no difference.
    const killed = `sh ${NOW}/install.sh "$@" & until [ -d /opt/tributary/.new ]; do :; done; kill -KILL $!`;
    expect(later(':', killed).stderr).not.toContain('install.sh:');
    expect(version()).toBe(VERSION);
    expect(later('cd /root', 'bash now/install.sh "$@"').status).toBe(0);
    expect(version()).toBe(NEWER);
    expect(install(['--rollback']).status).toBe(0);
    expect(version()).toBe(VERSION);

    expect(install(['--uninstall']).status).toBe(0);
    expect(root.paths()).toEqual(before);
  });
});

/** Has `uname` tell of another machine. */
function fakeUname(machine: string, system = 'Linux'): string {
  const script = `#!/bin/sh\ncase $1 in -m) echo ${machine} ;; *) echo ${system} ;; esac\n`;
  return `printf '${script.replaceAll('\n', '\\n')}' > /tmp/uname && chmod +x /tmp/uname && mount --bind /tmp/uname /usr/bin/uname`;
}

/** One more file below /usr/lib. */
function withLibrary(name: string): string {
  return `mkdir -p /tmp/lib && touch /tmp/lib/${name} && mount -t overlay -o lowerdir=/tmp/lib:/usr/lib none /usr/lib`;
}
