import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { cli } from './concentrator-cli-bed.ts';

const ALL = {
  label: 'Van 7',
  publish: [443],
  expires: '2999-01-31T12:00:00Z',
  rateLimit: '20Mbit/s',
  quota: '10GB',
  atQuota: '1Mbit/s',
  egress: { allow: ['10.1.0.0/16'], deny: ['*:25'], only: ['*.example.org:443'] },
};

/** A client with all settings. */
async function withClient() {
  const { exec, directory, home } = await cli();
  await exec('init', '--public', 'vps.example.org');
  const list = join(directory, 'clients.yaml');
  await writeFile(join(home, 'all.yaml'), JSON.stringify([{ id: 'van-7', ...ALL }]));
  await exec('client', 'import', 'all.yaml');
  const entry = async () =>
    (parse(await readFile(list, 'utf8')) as Record<string, unknown>[]).find(({ id }) => id === 'van-7')!;
  const { key, created } = await entry();
  const write = (name: string, text: string) => writeFile(join(home, name), text);
  return { exec, write, entry, before: { id: 'van-7', key, created, ...ALL } };
}

describe('tributary-concentrator client import --update', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['a column sets what it says', 'id,quota\nvan-7,20GB', { quota: '20GB' }],
    ['no column leaves all as it is', 'id\nvan-7', {}],
    [
      'an empty field takes a thing back',
      'id,rateLimit,label\nvan-7,,',
      { rateLimit: undefined, label: undefined },
    ],
    [
      'without a quota there is nothing for when it is used up',
      'id,quota\nvan-7,',
      { quota: undefined, atQuota: undefined },
    ],
    [
      'that for when the quota is used up has a column of its own',
      'id,atQuota\nvan-7,',
      { atQuota: undefined },
    ],
    ['rules are columns of their own', 'id,deny\nvan-7,*:26', { egress: { ...ALL.egress, deny: ['*:26'] } }],
    ['rules are taken back alone', 'id,only,allow\nvan-7,,', { egress: { deny: ['*:25'] } }],
    ['all rules are taken back', 'id,only,allow,deny\nvan-7,,,', { egress: undefined }],
    ['an empty key keeps that of before', 'id,key,publish\nvan-7,,8000-8010', { publish: ['8000-8010'] }],
  ])('changes what a table has columns for: %s', async (_, table, changes) => {
    const { exec, write, entry, before } = await withClient();
    await write('vans.csv', table);
    const done = await exec('client', 'import', 'vans.csv', '--update');
    expect([done.code, done.stderr.includes('alone')]).toEqual([0, false]);
    expect(await entry()).toEqual(JSON.parse(JSON.stringify({ ...before, ...changes })));
  });

  it('writes rates and quotas of a list again as they were read', async () => {
    const { exec, write, entry, before } = await withClient();
    const exact = { rateLimit: '1234.567kbit/s', quota: '1234567B', atQuota: '10000.001kbit/s' };
    const { rateLimit, quota, atQuota } = exact;
    await exec(
      ...['client', 'set', 'van-7', '--rate-limit', rateLimit, '--quota', quota, '--at-quota', atQuota],
    );
    await write('vans.csv', 'id,label\nvan-7,x');
    await exec('client', 'import', 'vans.csv', '--update');
    await exec('client', 'set', 'van-7', '--publish', '444');
    expect(await entry()).toEqual({ ...before, ...exact, label: 'x', publish: [444] });
  });

  it('goes on with a change of keys, unless a table has another key', async () => {
    const { exec, write, entry } = await withClient();
    await exec('client', 'rotate', 'van-7');
    const { key, oldKey, ...rest } = await entry();
    expect(oldKey).toBeDefined();
    await write('vans.csv', `id,key,label\nvan-7,${String(key)},x`);
    await exec('client', 'import', 'vans.csv', '--update');
    expect(await entry()).toEqual({ ...rest, key, oldKey, label: 'x' });
    const other = formatClientKey(new Uint8Array(32).fill(9));
    await write('vans.csv', `id,key\nvan-7,${other}`);
    await exec('client', 'import', 'vans.csv', '--update');
    const { rotated: _, ...kept } = rest;
    expect(await entry()).toEqual({ ...kept, key: other, label: 'x' });
  });

  it('replaces what a list in YAML has entries for, and says so', async () => {
    const { exec, write, entry, before } = await withClient();
    await write('vans.yaml', '- { id: van-7, quota: 20GB }\n- { id: van-8 }\n');
    const { code, stderr } = await exec('client', 'import', 'vans.yaml', '--update');
    expect(code).toBe(0);
    expect(stderr).toContain('1 of them were there already, and have what the file says of them alone');
    const { id, key, created } = before;
    expect(await entry()).toEqual({ id, key, created, quota: '20GB' });
  });
});
