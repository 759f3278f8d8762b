import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../../../server-concentrator/clients/postgres/connection.ts';
import { DatabaseClients } from '../../../../server-concentrator/clients/postgres/database-clients.ts';
import { DatabaseUsage } from '../../../../server-concentrator/clients/postgres/database-usage.ts';
import { migrate } from '../../../../server-concentrator/clients/postgres/migrations.ts';
import { writeUsage } from '../../../../server-concentrator/clients/postgres/usage-tables.ts';
import { clientText, type ListedClient } from '../../../../server-concentrator/config/client-schema.ts';
import type { ClientDatabaseConfig } from '../../../../server-concentrator/config/concentrator-config.ts';
import { parseEgressRule } from '../../../../server-concentrator/config/egress-rule.ts';
import { temporaryDirectory } from '../../../config/temporary-directory.ts';
import { needs } from '../../../support/needs.ts';
import { PASSWORD, PostgresServer } from '../../../support/postgres.ts';
import { assembled, connect, keyOf, start } from '../../concentrator-bed.ts';

const CREATED = '2026-01-31T12:00:00Z';
const client = (id: string, more: Partial<ListedClient> = {}): ListedClient => ({
  id,
  key: keyOf(id),
  created: CREATED,
  ...more,
});

async function add(config: ClientDatabaseConfig, ...clients: ListedClient[]): Promise<void> {
  const store = new DatabaseClients(config, { makesTables: true });
  await store.update(
    clients.map(({ id }) => id),
    () => ({ put: clients }),
  );
  await store.close();
}

const rule = (text: string) => parseEgressRule(text)!;

describe('clients in a database', needs('postgres'), () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await PostgresServer.start();
  }, 30_000);
  afterAll(() => postgres?.remove());

  it('are read as they were written, whatever their settings are', async () => {
    const server = await postgres.database();
    const clients = [
      client('plain'),
      client('all', {
        oldKey: new Uint8Array(32).fill(200),
        label: `'); DROP TABLE tributary_clients; -- \u{1f69a}\n\t\u0007"\\`,
        expiresMs: Date.UTC(2027, 1, 1),
        rateBytesPerSecond: 2_500_000,
        quota: { bytes: 9e15, whenUsedUp: { bytesPerSecond: 125_000 } },
        publish: [
          { from: 443, to: 443 },
          { from: 8000, to: 8010 },
        ],
        egress: { allow: [rule('10.0.0.0/8')], deny: [rule('*:25')], only: [rule('*.example.org:443')] },
        rotated: CREATED,
      }),
      client('refusing', { quota: { bytes: 1e9, whenUsedUp: 'refuse' }, publish: [] }),
    ];
    await add(server.config, ...clients);
    const store = new DatabaseClients(server.config);
    const texts = (list: readonly ListedClient[]) =>
      list.map(clientText).sort((a, b) => (a.id! < b.id! ? -1 : 1));
    expect(texts((await store.all()).clients)).toEqual(texts(clients));
    // And again, as a change.
    await store.update(['all'], (found) => ({ put: [{ ...found.get('all')!, label: 'x' }] }));
    expect((await store.all()).clients.find(({ id }) => id === 'all')).toEqual({ ...clients[1], label: 'x' });
    await store.close();
  });

  it('are refused by the database where they make no sense, and skipped where only this program knows', async () => {
    const server = await postgres.database();
    await add(server.config, client('good'));
    const insert = (columns: string, ...values: unknown[]) =>
      server.query(
        `INSERT INTO tributary_clients (id, key${columns}) VALUES (${values.map((_, i) => `$${i + 1}`).join(', ')})`,
        values,
      );
    const key = Buffer.alloc(32, 9);
    for (const [columns, ...values] of [
      ['', "x'; DROP TABLE tributary_clients", key],
      ['', 'line\n', key],
      ['', '', key],
      ['', 'x'.repeat(33), key],
      ['', 'short', Buffer.alloc(31)],
      [', quota_bytes', 'huge', key, '9223372036854775807'],
      [', rate_bits_per_second', 'slow', key, 1],
      [', rate_bits_per_second', 'negative', key, -8],
      [', label', 'long', key, 'x'.repeat(201)],
      [', expires', 'never', key, 'when hell freezes over'],
      [', expires', 'zone', key, '2027-01-31 12:00 Mars/Phobos'],
    ] as [string, ...unknown[]][]) {
      await expect(insert(columns, ...values), String(values[0])).rejects.toThrow();
    }
    await insert(', egress_only', 'rule', key, ['no rule!']);
    await insert(', egress_only', 'empty', key, []);
    await insert(', publish', 'ports', key, ['8010-8000']);
    await insert(', expires', 'infinite', key, 'infinity');
    await insert(', expires', 'far', key, '200000-01-01 00:00Z');
    await insert(', expires', 'ancient', key, '4000-01-01 00:00Z BC');
    const { concentrator, port, lines } = await start([], {}, { clientsDatabase: server.config });
    expect(lines.filter((line) => line.includes('cannot be read')).length).toBe(3);
    for (const id of ['infinite', 'far']) await connect(port, id, new Uint8Array(key));
    await expect(connect(port, 'ancient', new Uint8Array(key))).rejects.toThrow('notAuthorized');
    for (const id of ['rule', 'empty', 'ports'])
      await expect(connect(port, id, new Uint8Array(key))).rejects.toThrow('without an answer');
    await concentrator.close();
  });

  it('hold in the whole fleet within a second, when they are added, changed, removed, or expire', async () => {
    const server = await postgres.database();
    await add(server.config, client('kept'), client('removed'));
    const fleet = await Promise.all([1, 2].map(() => start([], {}, { clientsDatabase: server.config })));
    const kept = await Promise.all(fleet.map(({ port }) => connect(port, 'kept')));
    const removed = await Promise.all(fleet.map(({ port }) => connect(port, 'removed')));
    const isClosed = ({ frames }: Awaited<ReturnType<typeof connect>>) =>
      frames.some(({ type }) => type === 'close');
    const until = async (isDone: () => boolean): Promise<void> => {
      while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const within = async (what: string, done: Promise<unknown>, sinceMs: number) => {
      await done;
      const ms = Math.round(performance.now() - sinceMs);
      console.log(`${what} held at both concentrators after ${ms} ms`);
      expect(ms).toBeLessThan(1_000);
    };
    let sinceMs = performance.now();
    await server.query("DELETE FROM tributary_clients WHERE id = 'removed'");
    await within(
      'a removal by hand',
      until(() => removed.every(isClosed)),
      sinceMs,
    );
    for (const { port } of fleet) await expect(connect(port, 'removed')).rejects.toThrow('without an answer');

    await add(server.config, client('new'));
    sinceMs = performance.now();
    const comes = async (port: number): Promise<unknown> =>
      connect(port, 'new').catch(async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return comes(port);
      });
    await within('an addition', Promise.all(fleet.map(({ port }) => comes(port))), sinceMs);

    sinceMs = performance.now();
    await server.query(`UPDATE tributary_clients SET expires = now() - interval '1 s' WHERE id = 'kept'`);
    await within(
      'an expiry',
      until(() => kept.every(isClosed)),
      sinceMs,
    );
    for (const { port } of fleet) await expect(connect(port, 'kept')).rejects.toThrow('notAuthorized');
    await server.query('TRUNCATE tributary_clients');
    const gone = async (port: number): Promise<void> =>
      connect(port, 'new').then(
        () => new Promise((resolve) => setTimeout(resolve, 20)).then(() => gone(port)),
        () => undefined,
      );
    await Promise.all(fleet.map(({ port }) => gone(port)));
  });

  it('go on as they were last known while the database is away, and catch up when it is back', async () => {
    const server = await postgres.database();
    await add(server.config, client('kept'), client('removed'));
    const stateDirectory = await temporaryDirectory();
    const keys = { clientsDatabase: server.config, stateDirectory };
    const first = await start([], {}, keys);
    const session = await connect(first.port, 'kept');
    const file = join(stateDirectory, 'known-clients.json');
    await expect
      .poll(
        () =>
          stat(file).then(
            ({ mode }) => mode & 0o777,
            () => 0,
          ),
        { timeout: 5_000 },
      )
      .toBe(0o600);
    await postgres.stop('SIGQUIT');
    await expect
      .poll(() => first.lines.some((line) => line.includes('was lost')), { timeout: 5_000 })
      .toBe(true);
    await connect(first.port, 'removed');
    // One that starts meanwhile has the list from the disk.
    const second = await start([], {}, keys);
    const other = await connect(second.port, 'removed');
    expect(second.lines.some((line) => line.includes('known last'))).toBe(true);
    // Of what nobody was told.
    await postgres.run();
    await server.query("DELETE FROM tributary_clients WHERE id = 'removed'");
    await add(server.config, client('new'));
    await other.closed;
    for (const { port, lines } of [first, second]) {
      await expect
        .poll(
          () =>
            connect(port, 'new').then(
              () => true,
              () => false,
            ),
          { timeout: 10_000 },
        )
        .toBe(true);
      expect(lines.join('')).not.toContain(PASSWORD);
    }
    expect(session.frames.some(({ type }) => type === 'close')).toBe(false);
    // What is kept on disk has no one who was removed, after a moment.
    await expect.poll(() => readFile(file, 'utf8'), { timeout: 5_000 }).not.toContain('removed');
  });

  it('go on as they were last known while the tables are gone, until they are restored', async () => {
    const server = await postgres.database();
    await add(server.config, client('kept'));
    const stateDirectory = await temporaryDirectory();
    const first = await start([], {}, { clientsDatabase: server.config, stateDirectory });
    const session = await connect(first.port, 'kept');
    const tables = ['clients', 'usage', 'usage_months', 'writers', 'schema'];
    for (const name of tables) await server.query(`ALTER TABLE tributary_${name} RENAME TO old_${name}`);
    // Neither the list nor usage makes empty ones, over a connection that is there or another one.
    await expect
      .poll(() => first.lines.filter((line) => /tables are|no tables/.test(line)).length, { timeout: 10_000 })
      .toBeGreaterThan(0);
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [
      'tributary',
    ]);
    await expect
      .poll(() => first.lines.some((line) => line.includes('it has no tables')), { timeout: 10_000 })
      .toBe(true);
    await connect(first.port, 'kept');
    expect(await server.query("SELECT to_regclass('tributary_clients') AS there")).toEqual([{ there: null }]);
    // As a restore does it: the table of the clients is there for a while before they are.
    for (const name of ['clients', 'schema'])
      await server.query(`CREATE TABLE tributary_${name} (LIKE old_${name} INCLUDING ALL)`);
    await server.query('GRANT ALL ON ALL TABLES IN SCHEMA public TO tributary');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await connect(first.port, 'kept');
    await server.query('INSERT INTO tributary_clients SELECT * FROM old_clients');
    await server.query("INSERT INTO tributary_clients (id, key) VALUES ('new', $1)", [
      Buffer.from(keyOf('new')),
    ]);
    await server.query('INSERT INTO tributary_schema TABLE old_schema');
    await expect
      .poll(() => connect(first.port, 'new').then(Boolean, () => false), { timeout: 10_000 })
      .toBe(true);
    expect(session.frames.some(({ type }) => type === 'close')).toBe(false);
  });

  it('are made by several concentrators at once in an empty database, and left as they are by later ones', async () => {
    const server = await postgres.database();
    const clients = await Promise.all(Array.from({ length: 6 }, () => connectDatabase(server.config)));
    await Promise.all(clients.map((each) => migrate(each, true)));
    expect(await server.query('SELECT version FROM tributary_schema')).toEqual([{ version: 1 }]);
    await Promise.all(clients.map((each) => each.end()));
    await server.query('INSERT INTO tributary_schema VALUES (7, 1)');
    await add(server.config, client('later'));
    await server.query('INSERT INTO tributary_schema VALUES (8, 8)');
    await expect(add(server.config, client('x'))).rejects.toThrow(
      'version 8, and this program knows version 1',
    );
  });

  it('need few rights once the tables are there', async () => {
    const server = await postgres.database();
    await server.query('CREATE ROLE few LOGIN PASSWORD $1'.replace('$1', `'${PASSWORD}'`));
    const few = { ...server.config, user: 'few' };
    await expect(add(few, client('x'))).rejects.toThrow('the user few lacks a right');
    await add(server.config, client('laptop'));
    await server.query(`GRANT SELECT ON tributary_schema, tributary_clients TO few;
      GRANT SELECT, INSERT, UPDATE ON tributary_usage, tributary_usage_months, tributary_writers TO few`);
    const { port, concentrator } = await start([], {}, { clientsDatabase: few });
    await connect(port, 'laptop');
    await concentrator.close();
    await expect.poll(async () => (await server.query('SELECT client FROM tributary_usage')).length).toBe(1);
  });

  it.each([
    ['hours', 'tributary_usage', [0, 1]],
    ['writers', 'tributary_writers', [1, 0]],
  ])('have old %s removed by whoever may delete them, and nothing else', async (_, table, left) => {
    const server = await postgres.database();
    await add(server.config, client('laptop'));
    const role = `deletes_${table}`;
    await server.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
    await server.query(`GRANT SELECT ON tributary_schema TO ${role};
      GRANT SELECT, INSERT, UPDATE ON tributary_usage, tributary_usage_months, tributary_writers TO ${role};
      GRANT DELETE ON ${table} TO ${role};
      INSERT INTO tributary_usage VALUES ('laptop', now() - interval '500 days', 1, 1, 1);
      INSERT INTO tributary_writers VALUES ('00000000-0000-4000-8000-000000000007', 1, now() - interval '500 days')`);
    const usage = new DatabaseUsage({ ...server.config, user: role }, { trouble: undefined }, Date.now);
    await usage.write({
      writer: '00000000-0000-4000-8000-000000000008',
      number: 1,
      hour: '2026-11-29T12',
      counts: [],
    });
    await usage.close();
    const old = async (column: string, from: string) =>
      (await server.query(`SELECT 1 FROM ${from} WHERE ${column} < now() - interval '450 days'`)).length;
    expect([await old('hour', 'tributary_usage'), await old('seen', 'tributary_writers')]).toEqual(left);
  });

  it('are asked for in a connection that begins with what poolers take, too', async () => {
    const server = await postgres.database();
    let begun = '';
    const pooler = createServer((socket) => {
      const to = connectTcp(postgres.port, '127.0.0.1');
      socket.once('data', (bytes) => {
        begun = bytes.subarray(8).toString('latin1');
      });
      socket.pipe(to).pipe(socket);
    });
    pooler.listen(0, '127.0.0.1');
    await once(pooler, 'listening');
    const { port } = pooler.address() as AddressInfo;
    const database = await connectDatabase({ ...server.config, port });
    const names = begun.split('\0').filter((_, index) => index % 2 === 0);
    // What PgBouncer tracks, or passes on; it ends a connection that begins with anything else.
    const taken = new Set(['user', 'database', 'application_name', 'client_encoding', '']);
    expect(names.filter((name) => !taken.has(name))).toEqual([]);
    expect(names).toContain('application_name');
    expect((await database.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '20s' }]);
    await database.end();
    pooler.close();
  });

  it.each([
    ['another password', { password: 'wrong' }, 'the password of the user tributary is wrong'],
    ['no password', { password: '' }, 'it wants a password'],
    [
      'another user',
      { user: 'nobody' },
      'the password of the user nobody is wrong, or there is no such user',
    ],
    ['another database', { database: 'none' }, 'there is no database none: createdb none'],
    ['a port where nobody listens', { port: 1 }, 'ECONNREFUSED'],
    ['a host that does not exist', { host: 'db.invalid' }, /ENOTFOUND|EAI_AGAIN/],
    ['TLS that the server does not have', { tls: 'verify' as const }, 'it has no TLS'],
    ['a socket that is not there', { host: '/nonexistent' }, 'ENOENT'],
  ])('say clearly what is wrong with %s, and never the password', async (_, wrong, message) => {
    const server = await postgres.database();
    const { concentrator } = await assembled([], {}, { clientsDatabase: { ...server.config, ...wrong } });
    const error: Error = await concentrator.start().then(
      () => expect.fail('it has started'),
      (thrown) => thrown,
    );
    expect(error.message).toMatch(message);
    expect(error.message + error.stack).not.toContain(PASSWORD);
  });

  it('count what is used once, however often a batch is tried, and in any hour that a clock says', async () => {
    const server = await postgres.database();
    const database = await connectDatabase(server.config);
    await migrate(database, true);
    const writer = '00000000-0000-4000-8000-000000000001';
    const counts = [
      { client: 'b', upBytes: 1, downBytes: 2, connections: 3 },
      { client: 'a', upBytes: 10, downBytes: 20, connections: 30 },
    ];
    const batch = { writer, number: 1, hour: '2026-03-29T01', counts };
    for (const tried of [batch, batch, { ...batch, number: 2 }, batch]) await writeUsage(database, tried);
    await writeUsage(database, { ...batch, writer: writer.replace('1', '2'), hour: '1970-01-01T00' });
    await writeUsage(database, {
      ...batch,
      number: 3,
      hour: '9999-12-31T23',
      counts: [{ ...counts[0]!, upBytes: 2 ** 53 - 1 }],
    });
    const store = new DatabaseClients(server.config);
    expect([...(await store.usage('2026-03'))].sort()).toEqual([
      ['a', { upBytes: 20, downBytes: 40, connections: 60 }],
      ['b', { upBytes: 2, downBytes: 4, connections: 6 }],
    ]);
    expect((await store.usage('1970-01')).size).toBe(2);
    expect((await store.usage('9999-12')).get('b')?.upBytes).toBe(2 ** 53 - 1);
    await Promise.all([store.close(), database.end()]);
  });
});
