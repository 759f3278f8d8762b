import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConcentratorCase } from '../../../server-concentrator/doctor/case/concentrator-check.ts';
import { clientsCheck } from '../../../server-concentrator/doctor/checks/clients.ts';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { needs } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres.ts';
import { cli } from './concentrator-cli-bed.ts';

describe('commands for clients in a database', needs('postgres'), () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await PostgresServer.start();
  }, 30_000);
  afterAll(() => postgres?.remove());

  /** The command line with clients in a database of its own. */
  async function withDatabase() {
    const database = await postgres.database();
    const { exec, directory, home } = await cli();
    await exec('init', '--public', 'vps.example.org');
    const file = join(directory, 'tributary-concentrator.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace(/^clients:.*$/m, `clients: { database: "${database.url}", tls: off }`),
    );
    return { exec, home, database };
  }

  it('go on for all others where a row cannot be read, and mend it', async () => {
    const { exec, home, database } = await withDatabase();
    for (const id of ['good', 'van-7', 'van-8']) expect((await exec('client', 'add', id)).code).toBe(0);
    await database.query(`UPDATE tributary_clients SET egress_deny = '{"no rule!"}' WHERE id LIKE 'van-%'`);
    const what = 'deny has what is none';
    const listed = await exec('client', 'list');
    expect([listed.code, listed.stdout.split(/\s/)[0], listed.stdout.trim().split('\n').length]).toEqual([
      0,
      'good',
      1,
    ]);
    expect(listed.stderr).toContain(`van-7 cannot be read, and may not connect: ${what}`);
    expect(JSON.parse((await exec('client', 'list', '--json')).stdout)).toHaveLength(1);
    const used = await exec('client', 'usage', 'van-7', '--json');
    expect([used.code, used.stderr]).toEqual([0, expect.stringContaining(`van-8 cannot be read`)]);
    const config = { clients: [], clientsDatabase: database.config };
    const look = { config, secretFileProblems: async () => [] } as unknown as ConcentratorCase;
    expect(await clientsCheck.run(look)).toMatchObject({
      outcome: 'warning',
      words: expect.stringContaining(`2 of 3 clients cannot be read, and may not connect: van-7: ${what}`),
    });

    const set = await exec('client', 'set', 'van-7', '--quota', '1GB');
    expect([set.code, set.stderr]).toEqual([
      1,
      expect.stringContaining(`the row of the client van-7 cannot be read: ${what}`),
    ]);
    expect((await exec('client', 'set', 'good', '--quota', '1GB')).code).toBe(0);
    expect((await exec('client', 'remove', 'van-7')).code).toBe(0);
    expect((await exec('client', 'remove', 'van-7')).code).toBe(2);
    const key = formatClientKey(new Uint8Array(32).fill(5));
    await writeFile(join(home, 'vans.yaml'), `- { id: van-8, key: ${key} }\n`);
    expect((await exec('client', 'import', 'vans.yaml', '--update')).code).toBe(0);
    const mended = await exec('client', 'list');
    expect([mended.stderr, mended.stdout.match(/^\S+/gm)]).toEqual(['', ['good', 'van-8']]);
  });

  it('store the first and the last dates that a file may have', async () => {
    const { exec, home } = await withDatabase();
    const file = join(home, 'dates.yaml');
    await writeFile(
      file,
      '- { id: first, expires: 0001-01-01T00:00:00Z, created: "0001-01-01T00:00:00Z" }\n' +
        '- { id: last, expires: 9999-12-31, created: "+012000-01-01T00:00:00Z" }\n',
    );
    const imported = await exec('client', 'import', file);
    expect([imported.stderr, imported.code]).toEqual([expect.not.stringContaining('out of range'), 0]);
    expect((await exec('client', 'set', 'last', '--expires', '9999-12-31T23:59:59Z')).code).toBe(0);
    const listed = JSON.parse((await exec('client', 'list', '--json')).stdout);
    expect(listed.map(({ id, expires }: { id: string; expires: string }) => [id, expires])).toEqual([
      ['first', expect.any(String)],
      ['last', '9999-12-31T23:59:59Z'],
    ]);
  });

  it('leave rates to the bit as they are, whatever else they set', async () => {
    const { exec, home, database } = await withDatabase();
    await exec('client', 'add', 'van-7', '--quota', '1GB');
    const RATES = 'rate_bits_per_second, at_quota_bits_per_second';
    await database.query(`UPDATE tributary_clients SET (${RATES}) = (1234567, 999999999999)`);
    await writeFile(join(home, 'vans.csv'), 'id,quota\nvan-7,20GB\n');
    expect((await exec('client', 'import', 'vans.csv', '--update')).code).toBe(0);
    expect((await exec('client', 'set', 'van-7', '--label', 'Van 7')).code).toBe(0);
    expect(await database.query(`SELECT label, quota_bytes, ${RATES} FROM tributary_clients`)).toEqual([
      {
        label: 'Van 7',
        quota_bytes: '20000000000',
        rate_bits_per_second: '1234567',
        at_quota_bits_per_second: '999999999999',
      },
    ]);
    expect((await exec('client', 'list')).stdout).toContain('at most 1234.567kbit/s');
  });
});
