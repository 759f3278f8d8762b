/* What install.sh does with the services of a machine when versions come and go, good and bad. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import type { DebianRoot, Ran } from './support/debian-root.ts';
import { type FakePrograms, makeFakeRelease, scriptedRoot } from './support/fake-release.ts';
import { leaveData } from './support/leave-data.ts';

const TIMEOUT_MS = 600_000;
const CLIENT = 'tributary-client';
const CONCENTRATOR = 'tributary-concentrator';
const RELEASES: Readonly<Record<string, FakePrograms>> = {
  first: { version: '1.0.0' },
  second: { version: '2.0.0' },
  refusing: { version: '3.0.0', check: 2 },
  ending: { version: '4.0.0', run: 1 },
  /** As a client whose concentrator cannot be reached. */
  unsure: { version: '5.0.0', check: 1 },
};

const CONTRADICTIONS: readonly (readonly [args: string, words: RegExp])[] = [
  ['--client --public vps.example.org', /one program at a time/],
  ['--public vps.example.org --client', /one program at a time/],
  ['--client --concentrator', /one program at a time/],
  ['--client --listen 0.0.0.0:443', /--listen is for the concentrator/],
  ['--listen 0.0.0.0:443', /--listen is for the concentrator/],
  ['--public one.example.org --public two.example.org', /--public is given twice: one\S+ and two/],
  ['--public vps.example.org --from /root/first --from /root/second', /--from is given twice/],
  ['--public vps.example.org --key /root/one --key /root/two', /--key is given twice/],
  ["--public ''", /--public needs a value/],
  ['--public --client', /--public needs a value/],
  ['--client --from', /--from needs a value/],
  ['--rollback --uninstall', /do not go together/],
  ['--uninstall --rollback', /do not go together/],
  ['--rollback --client', /for all programs/],
  ['--rollback --from /root/second', /--rollback takes none of/],
  ['--rollback --public vps.example.org', /--rollback takes none of/],
  ['--uninstall --from /root/second', /--uninstall takes none of/],
  ['--uninstall --public vps.example.org', /--uninstall takes none of/],
  ['--uninstall --key /root/key', /--uninstall takes none of/],
  ['--uninstall --client --concentrator', /one program at a time/],
];
/** What npm has put there, or somebody by hand. */
const OF_OTHERS: readonly (readonly [path: string, words: RegExp])[] = [
  ['/usr/local/bin/tributary-client', /npm uninstall --global/],
  ['/usr/local/bin/tributary-concentrator', /npm uninstall --global/],
  ['/usr/bin/tributary-concentrator', /npm uninstall --global/],
  ['/usr/local/share/man/man1/tributary-client.1', /remove it first/],
  [`/etc/systemd/system/${CONCENTRATOR}.service`, /systemctl disable --now/],
];

describe('install.sh', { ...needs('debian'), timeout: TIMEOUT_MS }, () => {
  let root: DebianRoot;
  let before: readonly string[];

  const releases = mkdtempSync(join(tmpdir(), 'tributary-releases-'));

  beforeAll(async () => {
    for (const [name, programs] of Object.entries(RELEASES)) {
      mkdirSync(join(releases, name));
      makeFakeRelease(join(releases, name), programs);
    }
    await makeDebianBases([12]);
  }, TIMEOUT_MS);
  beforeEach(() => {
    root?.remove();
    root = scriptedRoot(releases);
    before = root.paths();
  }, TIMEOUT_MS);
  afterAll(() => {
    root?.remove();
    rmSync(releases, { recursive: true });
  }, TIMEOUT_MS);

  const install = (args: string, input = ''): Ran =>
    root.run('sh', ['-c', `sh /root/install.sh ${args}`], { input });
  const concentrator = (release: string) => install(`--public vps.example.org --from /root/${release}`);
  const client = (release: string, link = 'tributary://link\n') =>
    install(`--client --from /root/${release}`, link);
  const upgrade = (release: string) => install(`--from /root/${release}`);
  const systemctl = (...args: string[]) => root.run('systemctl', args);
  /** The version that a service runs, where it does. */
  const running = (program: string) =>
    systemctl('is-active', program).status === 0
      ? readFileSync(join(root.changes, `run/fake/${program}.version`), 'utf8').trim()
      : undefined;
  const versions = () =>
    root
      .runWell('ls', ['/opt/tributary'])
      .stdout.match(/\d+\.\d+\.\d+/g)
      ?.sort();
  const expectNothingLeft = (...programs: readonly (typeof CLIENT | typeof CONCENTRATOR)[]) => {
    root.runWell('sh', ['-c', leaveData(...programs)]);
    expect(install('--uninstall').status).toBe(0);
    expect(root.paths()).toEqual(before);
  };

  it.each([
    ['refusing', /refuses \/etc\/tributary\/tributary-concentrator\.yaml.*\s*listn: no such key/],
    ['ending', /1\.0\.0\S* runs again/],
  ])('keeps both programs as they are where the new version is %s', (release, words) => {
    expect(concentrator('first').status).toBe(0);
    expect(client('first').status).toBe(0);
    const { status, stderr } = upgrade(release);
    expect(stderr).toMatch(words);
    expect(status).toBe(1);
    expect([running(CLIENT), running(CONCENTRATOR), versions()]).toEqual(['1.0.0', '1.0.0', ['1.0.0']]);
    expect(upgrade('second').status).toBe(0);
    expect([running(CLIENT), running(CONCENTRATOR)]).toEqual(['2.0.0', '2.0.0']);
    // The one to go back to outlives a failure, too.
    expect(upgrade(release).status).toBe(1);
    expect(versions()).toEqual(['1.0.0', '2.0.0']);
    expect(install('--rollback').status).toBe(0);
    expect([running(CLIENT), running(CONCENTRATOR)]).toEqual(['1.0.0', '1.0.0']);
    expectNothingLeft(CLIENT, CONCENTRATOR);
  });

  it('runs with the shell and the tools of busybox', needs('busybox'), () => {
    const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
    copyFileSync(busybox, join(root.changes, 'usr/bin/busybox'));
    const byBusybox = (...args: string[]) => root.run('busybox', ['sh', '/root/install.sh', ...args]);
    expect(byBusybox('--public', 'vps.example.org', '--from', '/root/first').status).toBe(0);
    expect(byBusybox('--from', '/root/second').status).toBe(0);
    expect(running(CONCENTRATOR)).toBe('2.0.0');
    expect(byBusybox('--rollback').status).toBe(0);
    expect(running(CONCENTRATOR)).toBe('1.0.0');
    expect(byBusybox('--uninstall').status).toBe(0);
    expect(root.paths()).toEqual([...before, './usr/bin/busybox'].sort());
  });

  it('does not go back to a version that refuses the configuration', () => {
    concentrator('refusing');
    expect(upgrade('first').status).toBe(0);
    expect(install('--rollback')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/3\.0\.0\S* refuses \/etc\/tributary.*\s*listn: no such key/),
    });
    expect(running(CONCENTRATOR)).toBe('1.0.0');
    expect(root.runWell(CONCENTRATOR, ['--version']).stdout).toBe('1.0.0\n');
  });

  /** A rollback that is killed when it calls a command for the nth time. */
  const killedRollback = (command: string, nth: number): Ran => {
    const killer = `#!/bin/sh
echo >> /tmp/calls
[ $(wc -l < /tmp/calls) -lt ${nth} ] || kill -KILL $PPID
exec /tmp/${command} "$@"
`;
    writeFileSync(join(root.changes, 'tmp/killer'), killer, { mode: 0o755 });
    return root.run('sh', [
      '-c',
      `place=$(command -v ${command}) && rm -f /tmp/calls && cp $place /tmp/${command} && mount --bind /tmp/killer $place &&
sh /root/install.sh --rollback; exit 9`,
    ]);
  };

  it('brings a rollback to its end that was interrupted, and does not undo it', () => {
    concentrator('first');
    upgrade('second');
    // Killed when it has the service run the other version, and when it has changed one of two names.
    for (const [command, nth, from, to] of [
      ['systemctl', 1, '2.0.0', '1.0.0'],
      ['mv', 2, '1.0.0', '2.0.0'],
    ] as const) {
      expect([killedRollback(command, nth).status, running(CONCENTRATOR)]).toEqual([9, from]);
      expect(root.runWell(CONCENTRATOR, ['--version']).stdout).toBe(`${to}\n`);
      expect(install('--rollback').status).toBe(0);
      expect(running(CONCENTRATOR)).toBe(to);
    }
    expect(install('--rollback').status).toBe(0);
    expect(running(CONCENTRATOR)).toBe('1.0.0');
  });

  it('goes back from a version that runs since a rollback was interrupted long ago', () => {
    concentrator('first');
    upgrade('second');
    killedRollback('systemctl', 1);
    root.runWell('touch', ['-d', '2 hours ago', '/opt/tributary/.rollback']);
    // A start of the machine has the service run by the names that have changed.
    const { status } = root.run('sh', [
      '-ec',
      `cp /bin/tail /opt/tributary/current/lib/node
$(readlink -f /opt/tributary/current/lib/node) -n 0 -f /bin/tail &
echo $! > /run/fake/${CONCENTRATOR}.pid
echo 1.0.0 > /run/fake/${CONCENTRATOR}.version
sh /root/install.sh --rollback`,
    ]);
    expect([status, running(CONCENTRATOR)]).toEqual([0, '2.0.0']);
  });

  it('changes nothing where the version of an interrupted rollback refuses the configuration since', () => {
    concentrator('first');
    upgrade('second');
    killedRollback('systemctl', 1);
    root.runWell('sh', ['-ec', `printf '#!/bin/sh\nexit 2\n' > /opt/tributary/current/bin/${CONCENTRATOR}`]);
    expect(install('--rollback')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/1\.0\.0\S* refuses .*nothing is changed/),
    });
    // What runs is what the next start runs.
    expect(running(CONCENTRATOR)).toBe('2.0.0');
    expect(root.runWell(CONCENTRATOR, ['--version']).stdout).toBe('2.0.0\n');
  });

  it('upgrades where a check fails for other reasons than the configuration', () => {
    concentrator('first');
    expect(upgrade('unsure').status).toBe(0);
    expect(running(CONCENTRATOR)).toBe('5.0.0');
  });

  it.each(['client', 'concentrator'])(
    'is not held up by a client without a link, installed beside the %s',
    (first) => {
      if (first === 'concentrator') concentrator('first');
      expect(client('first', 'nonsense\n')).toMatchObject({ status: 1 });
      if (first === 'client') concentrator('first');
      // A newer version comes with the second try, which fails as the first.
      expect(client('second', 'nonsense\n')).toMatchObject({ status: 1 });
      expect(running(CONCENTRATOR)).toBe('1.0.0');
      expect(install('--concentrator --from /root/second').status).toBe(0);
      expect([running(CLIENT), running(CONCENTRATOR)]).toEqual([undefined, '2.0.0']);
      expect(install('--rollback').status).toBe(0);
      expect(running(CONCENTRATOR)).toBe('1.0.0');
      expect(client('second').status).toBe(0);
      expect([running(CLIENT), running(CONCENTRATOR)]).toEqual(['2.0.0', '2.0.0']);
      expectNothingLeft(CLIENT, CONCENTRATOR);
    },
  );

  it('leaves off what an administrator has switched off, until it is asked for', () => {
    concentrator('first');
    client('first');
    systemctl('disable', '--now', CLIENT);
    expect(install('--concentrator --from /root/second').status).toBe(0);
    expect([running(CLIENT), running(CONCENTRATOR)]).toEqual([undefined, '2.0.0']);
    expect(client('second').status).toBe(0);
    expect(running(CLIENT)).toBe('2.0.0');
  });

  it('mends a version whose files are damaged', () => {
    concentrator('first');
    root.runWell('rm', ['-r', '/opt/tributary/current/bin']);
    expect(upgrade('first').status).toBe(0);
    expect(running(CONCENTRATOR)).toBe('1.0.0');
    expect(install('--rollback').stderr).toContain('no version before');
  });

  it('prints the link of a concentrator again where the first installation has failed late', () => {
    const first = concentrator('ending');
    expect(first).toMatchObject({ status: 1, stdout: 'tributary://link\n' });
    expect(first.stderr).toContain(
      'The link stays good. For another: tributary-concentrator client add NAME --qr',
    );
    const second = concentrator('second');
    expect(second).toMatchObject({ status: 0, stdout: '' });
    expect(second.stderr).toMatch(
      /whatever --public and --listen say.*\n.*client add NAME --qr\n.*Let port 8443 in/,
    );
    expect(running(CONCENTRATOR)).toBe('2.0.0');
    expect(install('--concentrator --listen 0.0.0.0:443 --from /root/second').stderr).toContain(
      'whatever --public and --listen say',
    );
    // An upgrade has no need of it.
    expect(upgrade('second').stderr).not.toMatch(/client add|Let port/);
    expectNothingLeft(CONCENTRATOR);
  });

  it('refuses options that contradict each other, and changes nothing', () => {
    for (const [args, words] of CONTRADICTIONS) {
      const { status, stderr } = install(args);
      expect([args, status, stderr]).toEqual([args, 1, expect.stringMatching(words)]);
    }
    expect(root.paths()).toEqual(before);
  });

  it.each([
    ['file', 'echo theirs >'],
    ['dangling link', 'ln -s /nonexistent'],
  ])('does not take over what others have put there as a %s', (_, make) => {
    for (const [path, words] of OF_OTHERS) {
      root.runWell('sh', ['-ec', `mkdir -p ${dirname(path)} && ${make} ${path}`]);
      const { status, stderr } = concentrator('first');
      expect([status, stderr]).toEqual([
        1,
        expect.stringContaining(`${path} is there, and not from this script`),
      ]);
      expect(stderr).toMatch(words);
      const wasThere = before.includes(`.${dirname(path)}`);
      root.runWell('rm', wasThere ? [path] : ['-r', dirname(path)]);
    }
    expect(root.paths()).toEqual(before);
  });

  it('says that it takes over a configuration, which the service can read then', () => {
    const files = ['tributary-concentrator.yaml', 'key.pem'].map((name) => `/etc/tributary/${name}`);
    root.runWell('sh', [
      '-ec',
      `umask 077; mkdir /etc/tributary; for file in ${files.join(' ')}; do echo made > $file; done`,
    ]);
    expect(concentrator('first').stderr).toContain(`${files[0]} was there before`);
    for (const file of files) {
      expect(root.runWell('stat', ['-c', '%U:%G %a', file]).stdout).toBe(`root:${CONCENTRATOR} 640\n`);
    }
    expect(concentrator('second').stderr).not.toContain('was there before');
    expectNothingLeft(CONCENTRATOR);
  });
});
