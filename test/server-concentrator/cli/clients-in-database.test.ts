import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KnownClients } from '../../../server-concentrator/clients/known-clients.ts';
import { DatabaseClients } from '../../../server-concentrator/clients/postgres/database-clients.ts';
import type { ConcentratorCase } from '../../../server-concentrator/doctor/case/concentrator-check.ts';
import { clientsCheck } from '../../../server-concentrator/doctor/checks/clients.ts';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { parseLinks } from '../../../shared/runtime/identity/link.ts';
import { projectFile } from '../../documents/markdown.ts';
import { needs } from '../../support/needs.ts';
import { PostgresServer, type TestDatabase } from '../../support/postgres.ts';
import { postgresqlPrograms } from '../../support/postgresql-programs.ts';
import { cli } from './concentrator-cli-bed.ts';

describe('commands for clients in a database', needs('postgres'), () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await PostgresServer.start();
  }, 30_000);
  afterAll(() => postgres?.remove());

  /** The command line with clients in a database, one of its own if none is given. */
  async function withDatabase(given?: TestDatabase, host = 'vps.example.org') {
    const database = given ?? (await postgres.database());
    const { exec, directory, home, pipe } = await cli();
    await exec('init', '--public', host);
    const file = join(directory, 'tributary-concentrator.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(
      file,
      text.replace(/^clients:.*$/m, `clients: { database: "${database.url}", tls: off }`),
    );
    return { exec, home, pipe, database };
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

  it('take over the clients and the usage of a file, and give them back, as the documents say', async () => {
    const { exec, home, database } = await withDatabase();
    const [config, state] = [join(home, '.config/tributary'), join(home, 'state')];
    const file = join(config, 'tributary-concentrator.yaml');
    const inDatabase = `${await readFile(file, 'utf8')}stateDir: ${state}\n`;
    const inFile = inDatabase.replace(/^clients:.*$/m, 'clients: clients.yaml');
    const blocks = (await projectFile('docs/clients.md')).matchAll(/^```sql\n(\\.*?)^```$/gms);
    const [takeOver, giveBack] = [...blocks].map(([, block = '']) =>
      block.replace('/var/lib/tributary-concentrator', state).replace('/tmp/usage', `${state}/back-usage`),
    );
    const psql = (text: string) => {
      const call = [database.url, '-v', 'ON_ERROR_STOP=1', '-qf', '-'];
      execFileSync(join(postgresqlPrograms()!, 'psql'), call, { input: text });
    };
    await mkdir(state);
    const usage = { client1: [1, 2_000_000_000, 3], gone: [4, 5, 6] };
    const kept = `${JSON.stringify({ version: 1, month: '2026-11', clients: usage })}\n`;
    await writeFile(join(state, 'usage-2026-11.json'), kept);
    await writeFile(file, inFile);
    await exec('client', 'set', 'client1', '--quota', '4GB', '--label', 'Van "7", Lyon\n');
    const listed = (await exec('client', 'list')).stdout;

    await writeFile(file, inDatabase);
    expect((await exec('client', 'import', join(config, 'clients.yaml'))).code).toBe(0);
    psql(takeOver!);
    expect((await exec('client', 'list')).stdout).toBe(listed);
    expect((await exec('client', 'usage', 'client1', '--month', '2026-11')).stdout).toMatch(
      /2 GB +1 B +3 +4 GB +50 %/,
    );
    psql(takeOver!);
    expect((await exec('client', 'usage', 'client1', '--month', '2026-11')).stdout).toContain('100 %');
    await database.query(
      'UPDATE tributary_usage_months SET (up_bytes, down_bytes, connections) = (up_bytes / 2, down_bytes / 2, connections / 2)',
    );

    const known = await KnownClients.open(join(state, 'known-clients.json'), 'x', pino({ enabled: false }));
    const store = new DatabaseClients(database.config);
    known.keep((await store.all()).clients);
    await Promise.all([known.close(), store.close()]);
    await writeFile(file, inFile);
    await writeFile(join(config, 'clients.yaml'), '');
    expect((await exec('client', 'import', join(state, 'known-clients.json'))).code).toBe(0);
    // When it was added nobody knows any more.
    const days = (text: string) => text.replaceAll(/ \d{4}-\S+/g, '');
    expect(days((await exec('client', 'list')).stdout)).toBe(days(listed));
    psql(giveBack!);
    expect(JSON.parse(await readFile(join(state, 'back-usage-2026-11.json'), 'utf8'))).toEqual(
      JSON.parse(kept),
    );
    // Of a month without usage, and for the service to take.
    psql(giveBack!.replace('2026-11', '2026-10'));
    expect(JSON.parse(await readFile(join(state, 'back-usage-2026-10.json'), 'utf8'))).toEqual({
      ...{ version: 1, month: '2026-10', clients: {} },
    });
    // As other programs write it.
    const tabbed = `{\n\t"database": "x",\n\t"clients": [\n\t\t{"id": "tabbed"}\n\t]\n}\n`;
    await writeFile(join(state, 'tabbed.json'), tabbed);
    expect((await exec('client', 'import', join(state, 'tabbed.json'))).code).toBe(0);
    await writeFile(
      join(state, 'wrong.json'),
      '{"database": "x", "clients": [\n{"id": "a"},\n{"id": "b c"}\n]}',
    );
    expect((await exec('client', 'import', join(state, 'wrong.json'))).stderr).toMatch(
      /wrong.json:3:\d+: clients\[1\].id: expected/,
    );
  });

  it('print the link of a client at another concentrator that shares the database', async () => {
    const { exec, database } = await withDatabase();
    const paris = await withDatabase(database, 'par.example.org');
    const added = await exec('client', 'add', 'van-7', '--as', 'frankfurt', '--quota', '1GB');
    paris.pipe(added.stdout);
    const both = await paris.exec('client', 'add', 'van-7', '--as', 'paris', '--also', '-');
    expect([both.code, both.stderr]).toEqual([0, expect.stringContaining('van-7 is in the database')]);
    const [first, second] = parseLinks(both.stdout);
    expect([first!.name, second!.name, second!.addresses[0]!.host]).toEqual([
      'frankfurt',
      'paris',
      'par.example.org',
    ]);
    expect(second!.clientKey).toEqual(first!.clientKey);
    expect(first!.pins).not.toEqual(second!.pins);
    expect((await exec('client', 'list')).stdout).toContain('1GB a month');
    // Of the same name, and another client; or with settings, which would be lost.
    const settings = await paris.exec(
      'client',
      'add',
      'van-7',
      '--as',
      'paris',
      '--also',
      '-',
      '--quota',
      '2GB',
    );
    paris.pipe(added.stdout.replace(/:.{43}@/, `:${'A'.repeat(43)}@`));
    const other = await paris.exec('client', 'add', 'van-7', '--as', 'paris', '--also', '-');
    const sayings = [
      'is there with the key of this link, and keeps its settings',
      'there is a client van-7 already',
    ];
    for (const [index, { code, stdout, stderr }] of [settings, other].entries())
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(sayings[index]!)]);
    // Nothing that breaks the link to the first concentrator is advised.
    expect(settings.stderr).not.toMatch(/remove|rotate/);
  });

  it('make tables where they add clients, and else leave a database without tables as it is, and say what to do', async () => {
    const { exec, home, database } = await withDatabase();
    const left = () => database.query("SELECT relname FROM pg_class WHERE relname LIKE 'tributary%'");
    const what =
      'it has no tables: if they are gone, restore them; for a new list, "tributary-concentrator client add';
    for (const line of [
      'list',
      'list --json',
      'usage',
      'set van-7 --quota 1GB',
      'remove van-7',
      'rotate van-7',
      'rotate van-7 --finish',
    ]) {
      const { code, stdout, stderr } = await exec('client', ...line.split(' '));
      expect([code, stdout, stderr], line).toEqual([1, '', expect.stringContaining(what)]);
    }
    const config = { clients: [], clientsDatabase: database.config };
    const look = { config, secretFileProblems: async () => [] } as unknown as ConcentratorCase;
    expect(await clientsCheck.run(look)).toMatchObject({
      outcome: 'failed',
      words: expect.stringContaining(what),
    });
    expect(await left()).toEqual([]);
    expect((await exec('client', 'add', 'van-7')).code).toBe(0);
    expect((await exec('client', 'list')).stdout).toContain('van-7');

    const other = await withDatabase();
    const file = join(home, 'vans.yaml');
    await writeFile(file, '- { id: van-8 }\n');
    expect((await other.exec('client', 'import', file)).code).toBe(0);
    expect((await other.exec('client', 'list')).stdout).toContain('van-8');
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
