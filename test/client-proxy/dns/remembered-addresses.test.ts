import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { RememberedAddresses } from '../../../client-proxy/dns/remembered-addresses.ts';
import { useCleanups } from '../../support/cleanups.ts';

const after = useCleanups();
let directory: string;
let file: string;
let warnings: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'addresses-'));
  after(() => rm(directory, { recursive: true }));
  file = join(directory, 'state', 'concentrator-addresses.json');
  warnings = [];
});

const open = (...names: string[]) =>
  RememberedAddresses.open(file, names, {
    warn: ({ reason }: { reason: string }) => void warnings.push(reason),
  } as never);

const written = async (expected: unknown) =>
  expect.poll(async () => JSON.parse(await readFile(file, 'utf8').catch(() => '{}')).names).toEqual(expected);

describe('the addresses of the last time', () => {
  it('are on disk for the next', async () => {
    const first = await open('vps.example', 'other.example');
    expect(first.of('vps.example')).toEqual([]);
    first.learn('vps.example', '192.0.2.1');
    first.learn('vps.example', '2001:db8::1');
    first.learn('other.example', '192.0.2.5');
    first.learn('vps.example', '192.0.2.1');
    await written({ 'vps.example': ['2001:db8::1', '192.0.2.1'], 'other.example': ['192.0.2.5'] });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(directory, 'state'))).toEqual(['concentrator-addresses.json']);
    const next = await open('vps.example');
    expect(next.of('vps.example')).toEqual(['2001:db8::1', '192.0.2.1']);
    expect(next.of('other.example')).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('are eight of a name', async () => {
    const addresses = await open('vps.example');
    for (let i = 1; i <= 20; i++) addresses.learn('vps.example', `192.0.2.${i}`);
    const newest = Array.from({ length: 8 }, (_, index) => `192.0.2.${20 - index}`);
    expect(addresses.of('vps.example')).toEqual(newest);
    await written({ 'vps.example': newest });
  });

  it.each([
    ['no JSON', 'hello'],
    ['another version', '{"version": 2, "names": {}}'],
    ['what is no address', '{"version": 1, "names": {"vps.example": ["10.0.0.1; rm"]}}'],
    ['more than it may be', `{"version": 1, "names": {}}${' '.repeat(70_000)}`],
    ['a number in place of the names', '{"version": 1, "names": 5}'],
  ])('%s: told once, and written anew', async (_, text) => {
    await mkdir(join(directory, 'state'));
    await writeFile(file, text);
    const addresses = await open('vps.example');
    expect(warnings).toEqual([expect.stringContaining(file)]);
    expect(addresses.of('vps.example')).toEqual([]);
    addresses.learn('vps.example', '192.0.2.1');
    await written({ 'vps.example': ['192.0.2.1'] });
    expect(warnings).toHaveLength(1);
  });

  it('neither read nor write what a link leads to', async () => {
    const other = join(directory, 'other');
    const text = '{"version": 1, "names": {"vps.example": ["192.0.2.66"]}}';
    await writeFile(other, text);
    await mkdir(join(directory, 'state'));
    await symlink(other, file);
    const addresses = await open('vps.example');
    expect(addresses.of('vps.example')).toEqual([]);
    expect(warnings).toHaveLength(1);
    addresses.learn('vps.example', '192.0.2.1');
    await written({ 'vps.example': ['192.0.2.1'] });
    expect(await readFile(other, 'utf8')).toBe(text);
  });

  it('that cannot be written are told of once', async () => {
    await writeFile(join(directory, 'state'), 'a file in the way');
    const addresses = await open('vps.example');
    addresses.learn('vps.example', '192.0.2.1');
    await expect.poll(() => warnings).toEqual([expect.stringContaining('cannot write')]);
    addresses.learn('vps.example', '192.0.2.2');
    await new Promise((resolve) => setImmediate(resolve));
    expect(addresses.of('vps.example')).toEqual(['192.0.2.2', '192.0.2.1']);
    expect(warnings).toHaveLength(1);
  });
});
