/* What install.sh does with the services of a machine when versions come and go, good and bad. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';
import { makeDebianBases } from './support/debian-base.ts';
import { DebianRoot, type Ran } from './support/debian-root.ts';
import { FAKE_SYSTEMCTL, type FakePrograms, makeFakeRelease } from './support/fake-release.ts';

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

describe('install.sh', { ...needs('debian'), timeout: TIMEOUT_MS }, () => {
  let root: DebianRoot;
  let before: readonly string[];

  beforeAll(() => makeDebianBases([12]), TIMEOUT_MS);
  beforeEach(() => {
    root?.remove();
    root = new DebianRoot(12);
    const inRoot = (path: string) => join(root.changes, path);
    for (const [name, programs] of Object.entries(RELEASES)) {
      mkdirSync(inRoot(`root/${name}`), { recursive: true });
      makeFakeRelease(inRoot(`root/${name}`), programs);
    }
    copyFileSync(join(PROJECT_FOLDER, 'deploy/install.sh'), inRoot('root/install.sh'));
    mkdirSync(inRoot('run/systemd/system'), { recursive: true });
    mkdirSync(inRoot('usr/bin'), { recursive: true });
    writeFileSync(inRoot('usr/bin/systemctl'), FAKE_SYSTEMCTL, { mode: 0o755 });
    // Nothing here takes time that a script would have to wait for.
    writeFileSync(inRoot('usr/bin/sleep'), '#!/bin/sh\n', { mode: 0o755 });
    before = root.paths();
  }, TIMEOUT_MS);
  afterAll(() => root?.remove(), TIMEOUT_MS);

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
  const expectNothingLeft = () => {
    // Of a writer that was killed.
    root.runWell('touch', [
      '/etc/tributary/.clients.yaml.0a1b2c',
      '/etc/tributary/.tributary-client.yaml.0a1b2c',
    ]);
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
    expectNothingLeft();
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
      expectNothingLeft();
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

  it.each([
    ['--client --public vps.example.org', /one program at a time/],
    ['--rollback --uninstall', /do not go together/],
    ['--rollback --client', /for all programs/],
  ])('refuses %s', (args, words) => {
    expect(install(args)).toMatchObject({ status: 1, stderr: expect.stringMatching(words) });
    expect(root.paths()).toEqual(before);
  });
});
