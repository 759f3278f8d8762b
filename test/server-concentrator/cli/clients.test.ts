import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConcentratorConfig } from '../../../server-concentrator/config/load-concentrator-config.ts';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { parseLink } from '../../../shared/runtime/identity/link.ts';
import { cli, mode } from './concentrator-cli-bed.ts';

describe('tributary-concentrator client', () => {
  it('adds, lists and revokes', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const added = await exec('client', 'add', 'router');
    expect(added.code).toBe(0);
    const link = parseLink(added.stdout);
    expect(link.clientId).toBe('router');
    expect(added.stderr).toContain('SIGHUP');
    expect(await mode(join(directory, 'clients.yaml'))).toBe(0o600);

    const listed = await exec('client', 'list');
    expect(listed.stdout.split('\n').map((line) => line.split(/\s+/))).toEqual([
      ['client1', '2025-01-31T12:00:00Z'],
      ['router', '2025-01-31T12:00:00Z'],
      [''],
    ]);
    expect(listed.stdout + listed.stderr).not.toContain(formatClientKey(link.clientKey));

    expect(await exec('client', 'add', 'router')).toMatchObject({ code: 2, stdout: '' });
    expect((await exec('client', 'revoke', 'router')).code).toBe(0);
    expect((await exec('client', 'revoke', 'router')).code).toBe(2);
    expect((await exec('client', 'list')).stdout).not.toContain('router');
    expect(await readFile(join(directory, 'clients.yaml'), 'utf8')).toMatch(
      /^# The clients that may connect/,
    );
  });

  it('rotates a key: both are good until it is finished, and the link has the new one', async () => {
    const { exec, directory } = await cli();
    const { stdout: first } = await exec('init', '--public', 'vps.example.org');
    const keys = async () => {
      const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
      return clients.map(({ key, oldKey }) => [key, oldKey].map((one) => one && formatClientKey(one)));
    };
    const [before] = await keys();
    const rotated = await exec('client', 'rotate', 'client1');
    expect(rotated.code).toBe(0);
    expect(rotated.stderr).toContain('client rotate client1 --finish');
    const link = parseLink(rotated.stdout);
    const newKey = formatClientKey(link.clientKey);
    expect(link).toEqual({ ...parseLink(first), clientKey: link.clientKey });
    expect(newKey).not.toBe(before![0]);
    expect(await keys()).toEqual([[newKey, before![0]]]);
    expect(await mode(join(directory, 'clients.yaml'))).toBe(0o600);
    expect((await exec('check')).stdout).toContain('; with two keys: client1\n');
    expect((await exec('client', 'list')).stdout).toContain('changing its key since 2025-01-31T12:00:00Z');
    // The link was lost on the way, to a full disk for example.
    expect(await exec('client', 'rotate', 'client1')).toMatchObject({ code: 0, stdout: rotated.stdout });
    expect(await keys()).toEqual([[newKey, before![0]]]);
    expect((await exec('client', 'rotate', 'client1', '--finish')).code).toBe(0);
    expect(await keys()).toEqual([[newKey, undefined]]);
    const again = await exec('client', 'rotate', 'client1', '--finish');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('has one key only')]);
    expect((await exec('client', 'rotate', 'nobody')).code).toBe(2);
  });

  it('says which ports a client may publish', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const granted = async () => {
      const { clients } = await loadConcentratorConfig(join(directory, 'tributary-concentrator.yaml'));
      return Object.fromEntries(clients.map(({ id, publish }) => [id, publish]));
    };
    expect((await exec('client', 'add', 'home', '--publish', '443, 8000-8010')).code).toBe(0);
    const both = [
      { from: 443, to: 443 },
      { from: 8000, to: 8010 },
    ];
    expect(await granted()).toEqual({ client1: undefined, home: both });
    const file = join(directory, 'clients.yaml');
    expect(await readFile(file, 'utf8')).toContain('publish: [ 443, 8000-8010 ]\n');
    expect((await exec('client', 'list')).stdout).toMatch(/^home .*Z {2}may publish 443, 8000-8010$/m);
    const key = () => exec('client', 'rotate', 'home').then(({ stdout }) => parseLink(stdout).clientKey);
    await key();
    const set = await exec('client', 'publish', 'client1', '22');
    expect([set.code, set.stderr]).toEqual([
      0,
      expect.stringMatching(/^client1 may publish 22\.\n.*SIGHUP/s),
    ]);
    expect((await exec('client', 'publish', 'home', 'none')).stderr).toContain('home may publish no ports.');
    expect(await granted()).toEqual({ client1: [{ from: 22, to: 22 }], home: [] });
    expect((await exec('client', 'list')).stdout).toMatch(/^home .*changing its key/m);
  });

  it.each([
    [['add', 'x', '--publish', '0'], 'expected ports and ranges of them'],
    [['add', 'x', '--publish', '8010-8000'], 'expected ports and ranges of them'],
    [['add', 'x', '--publish', '443,,80'], 'expected ports and ranges of them'],
    [['add', 'x', '--publish', Array.from({ length: 65 }, (_, i) => i + 1).join()], 'at most 64 ports'],
    [['publish', 'client1'], "missing required argument 'ports'"],
    [['publish', 'nobody', '443'], 'there is no client of this name'],
  ])('refuses client %j, and changes nothing', async (args, message) => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const before = await readFile(join(directory, 'clients.yaml'), 'utf8');
    const { code, stderr } = await exec('client', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(await readFile(join(directory, 'clients.yaml'), 'utf8')).toBe(before);
  });

  it('cannot make a link without knowing where clients connect', async () => {
    const { exec, directory } = await cli();
    await exec('init', '--public', 'vps.example.org');
    await writeFile(join(directory, 'tributary-concentrator.yaml'), '');
    const { code, stderr } = await exec('client', 'add', 'x');
    expect(code).toBe(2);
    expect(stderr).toContain('add "public: [HOST:PORT]" to');
    expect((await exec('client', 'list')).stdout).not.toContain('x ');
  });
});
