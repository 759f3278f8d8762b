import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { KnownClients } from '../../../../server-concentrator/clients/known-clients.ts';
import { connectDatabase } from '../../../../server-concentrator/clients/postgres/connection.ts';
import { DatabaseLink } from '../../../../server-concentrator/clients/postgres/database-link.ts';
import { DatabaseSource } from '../../../../server-concentrator/clients/postgres/database-source.ts';
import { DatabaseUsage } from '../../../../server-concentrator/clients/postgres/database-usage.ts';
import { migrate } from '../../../../server-concentrator/clients/postgres/migrations.ts';
import { removeOldHours } from '../../../../server-concentrator/clients/postgres/usage-tables.ts';
import { temporaryDirectory } from '../../../config/temporary-directory.ts';
import { asUser, IS_ROOT, NOBODY } from '../../../support/as-user.ts';
import { needs } from '../../../support/needs.ts';
import { PASSWORD, PostgresServer, type TestDatabase } from '../../../support/postgres.ts';
import { assembled, start } from '../../concentrator-bed.ts';

const WRITER = '00000000-0000-4000-8000-000000000001';
const batch = (number: number) => ({
  ...{ writer: WRITER, number, hour: '2026-11-29T12' },
  counts: [{ client: 'c1', upBytes: 1, downBytes: 1, connections: 1 }],
});
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** So many clients, from `c1` on. */
function fill({ query }: TestDatabase, clients: number): Promise<unknown> {
  return query(
    `INSERT INTO tributary_clients (id, key, quota_bytes)
     SELECT 'c' || n, decode(md5(n::text) || md5('x' || n), 'hex'), 1000000000 FROM generate_series(1, $1) AS n`,
    [clients],
  );
}

/** Somebody who uses the database beside the concentrator, as its superuser. */
async function other({ config }: TestDatabase): Promise<pg.Client> {
  const client = new pg.Client({ ...config, user: 'postgres', password: PASSWORD, ssl: false });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Follows the list of a database; what it tells, and how often it asks. */
async function follow(database: TestDatabase) {
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const link = new DatabaseLink({
    config: database.config,
    wallClock: Date.now,
    random: Math.random,
    logger,
  });
  const seen = {
    questions: 0,
    told: 0,
    changed: new Set<string>(),
    all: 0,
    quotas: new Map<string, number>(),
  };
  const counting: ConstructorParameters<typeof DatabaseSource>[0]['link'] = {
    start: (owner) => link.start(owner),
    use: (work) => {
      seen.questions++;
      return link.use(work);
    },
    close: () => link.close(),
    get trouble() {
      return link.trouble;
    },
  };
  const known = await KnownClients.open(join(await temporaryDirectory(), 'known.json'), 'x', logger);
  const source = new DatabaseSource({ link: counting, known, wallClock: Date.now, logger });
  const take = (clients: Awaited<ReturnType<typeof source.start>>) => {
    seen.quotas = new Map(clients.map(({ id, quota }) => [id, quota?.bytes ?? 0]));
  };
  take(
    await source.start((clients, changed) => {
      seen.told++;
      if (changed === undefined) seen.all++;
      for (const id of changed ?? []) seen.changed.add(id);
      take(clients);
    }),
  );
  onTestFinished(() => source.close());
  return { link, source, seen, lines };
}

describe('the list in a database', needs('postgres'), () => {
  let postgres: PostgresServer;
  const tables = async () => {
    const database = await postgres.database();
    const client = await connectDatabase(database.config);
    await migrate(client, true);
    await client.end();
    return database;
  };
  beforeAll(async () => {
    postgres = await PostgresServer.start();
  }, 30_000);
  afterAll(() => postgres?.remove());

  it('is read a few times a second while another program changes clients one by one', async () => {
    const database = await tables();
    await fill(database, 3_500);
    const { seen } = await follow(database);
    // Pages of a thousand.
    expect([seen.questions, seen.quotas.size]).toEqual([4, 3_500]);
    const billing = await other(database);
    const startMs = performance.now();
    for (let n = 1; performance.now() - startMs < 2_000; n = (n % 300) + 1)
      await billing.query(`UPDATE tributary_clients SET quota_bytes = quota_bytes + 1 WHERE id = 'c${n}'`);
    await billing.query(`UPDATE tributary_clients SET quota_bytes = 2000000 WHERE id = 'c7'`);
    await expect.poll(() => seen.quotas.get('c7'), { timeout: 5_000, interval: 5 }).toBe(2_000_000);
    const rounds = (performance.now() - startMs) / 200;
    console.log(`${seen.told} times told, ${seen.questions} questions in ${(rounds * 200).toFixed(0)} ms`);
    expect(seen.told).toBeLessThan(rounds + 4);
    expect(seen.questions - 4).toBeLessThan(rounds + 8);
    expect([seen.all, [...seen.changed].every((id) => Number(id.slice(1)) <= 300)]).toEqual([0, true]);
    await sleep(500);
    // Nothing has changed: nobody is told of it.
    const { told, questions } = seen;
    await billing.query("NOTIFY tributary_clients, ''");
    await expect.poll(() => seen.questions).toBe(questions + 4);
    await sleep(100);
    expect(seen.told).toBe(told);
  });

  it('is heard of while another session locks the tables of usage, and goes on after it locked that of clients', async () => {
    const database = await tables();
    await fill(database, 10);
    const { link, source, seen } = await follow(database);
    const usage = new DatabaseUsage(database.config, link, Date.now);
    await usage.write(batch(1));
    const locker = await other(database);
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE tributary_usage_months, tributary_usage');
    const blocked = usage.write(batch(2));
    let isRefused = false;
    const refused = expect(blocked)
      .rejects.toThrow('another session locks its tables')
      .then(() => {
        isRefused = true;
      });
    await database.query("DELETE FROM tributary_clients WHERE id = 'c3'");
    await expect.poll(() => seen.quotas.has('c3'), { timeout: 5_000, interval: 5 }).toBe(false);
    expect(isRefused).toBe(false);
    await refused;
    await locker.query('ROLLBACK');
    await usage.write(batch(2));
    expect((await usage.readMonth('2026-11')).get('c1')?.upBytes).toBe(2);
    await usage.close();

    await locker.query('BEGIN');
    await locker.query('LOCK TABLE tributary_clients');
    await database.query("NOTIFY tributary_clients, 'c4'");
    const { questions } = seen;
    await expect.poll(() => seen.questions, { timeout: 10_000 }).toBeGreaterThan(questions + 1);
    await locker.query("DELETE FROM tributary_clients WHERE id = 'c4'");
    await locker.query('COMMIT');
    await expect.poll(() => seen.quotas.has('c4'), { timeout: 10_000 }).toBe(false);
    expect([link.trouble, source.trouble]).toEqual([undefined, undefined]);
  }, 20_000);

  it('is in trouble while it cannot be read over a connection that is there, and the log says so once', async () => {
    const database = await tables();
    await fill(database, 3);
    const { link, source, seen, lines } = await follow(database);
    expect(source.trouble).toBe(undefined);
    await database.query('ALTER TABLE tributary_clients RENAME TO away');
    await database.query("NOTIFY tributary_clients, 'c1'");
    const { questions } = seen;
    await expect.poll(() => source.trouble?.reason, { timeout: 5_000 }).toContain('are not there any more');
    const { sinceMs } = source.trouble!;
    expect(Math.abs(Date.now() - sinceMs)).toBeLessThan(60_000);
    // It is tried again and again.
    await expect.poll(() => seen.questions, { timeout: 10_000 }).toBeGreaterThan(questions + 2);
    expect([source.trouble?.sinceMs, link.trouble]).toEqual([sinceMs, undefined]);
    expect(seen.quotas.size).toBe(3);
    await database.query("DELETE FROM away WHERE id = 'c2'");
    await database.query('ALTER TABLE away RENAME TO tributary_clients');
    await expect.poll(() => [...seen.quotas.keys()], { timeout: 10_000 }).toEqual(['c1', 'c3']);
    expect(source.trouble).toBe(undefined);
    expect(lines).toEqual([
      'the list of clients in the database cannot be read: the last known list goes on',
      'the list of clients in the database can be read again',
    ]);
  }, 30_000);

  it('is not called unreadable, and not asked for again, when it is closed during a read', async () => {
    const database = await tables();
    await fill(database, 3);
    const { source, seen, lines } = await follow(database);
    const locker = await other(database);
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE tributary_clients');
    const { questions } = seen;
    await database.query("NOTIFY tributary_clients, 'c1'");
    await expect.poll(() => seen.questions, { interval: 5 }).toBe(questions + 1);
    await source.close();
    // Where it went on, it would ask again a second later.
    await sleep(1_500);
    await locker.query('ROLLBACK');
    expect([lines, seen.questions, source.trouble]).toEqual([[], questions + 1, undefined]);
  });

  it.each([
    ['a null among ports', 'publish = array_append(publish, NULL)'],
    ['a null as the only rule', "egress_deny = '{NULL}'"],
    ['ports in an array of arrays', "publish = '{{443,444},{445,446}}'"],
  ])('goes on without a client whose row has %s', async (_, change) => {
    const database = await tables();
    await fill(database, 3);
    const { seen } = await follow(database);
    await database.query(`UPDATE tributary_clients SET ${change} WHERE id = 'c2'`);
    await expect.poll(() => [...seen.quotas.keys()], { timeout: 5_000, interval: 5 }).toEqual(['c1', 'c3']);
    await database.query("DELETE FROM tributary_clients WHERE id = 'c3'");
    await expect.poll(() => [...seen.quotas.keys()], { timeout: 5_000, interval: 5 }).toEqual(['c1']);
    const { seen: later } = await follow(database);
    expect([...later.quotas.keys()]).toEqual(['c1']);
  });

  it('is asked for less and less often where each connection is cut after a moment', async () => {
    const database = await tables();
    await fill(database, 10);
    const { link, seen } = await follow(database);
    const cutter = await other(database);
    const cut = new Set<unknown>();
    const startMs = performance.now();
    while (performance.now() - startMs < 4_000) {
      const { rows } = await cutter.query(
        `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = $1 AND application_name = 'tributary-concentrator'`,
        [database.config.database],
      );
      for (const { pid } of rows) cut.add(pid);
      await sleep(20);
    }
    console.log(`${cut.size} connections in 4 s`);
    expect(cut.size).toBeLessThan(9);
    await database.query("DELETE FROM tributary_clients WHERE id = 'c3'");
    await expect.poll(() => seen.quotas.has('c3'), { timeout: 10_000 }).toBe(false);
    expect(link.trouble).toBe(undefined);
  }, 20_000);

  it('is there again with another password, once its file has that, too', async () => {
    const database = await tables();
    await fill(database, 1);
    await database.query("CREATE ROLE changing LOGIN PASSWORD 'one' IN ROLE tributary");
    const passwordFile = join(await temporaryDirectory(), 'password');
    await writeFile(passwordFile, 'one\n');
    const config = { ...database.config, user: 'changing', password: 'one', passwordFile };
    const { source, lines } = await follow({ ...database, config });
    await database.query("ALTER ROLE changing PASSWORD 'two'");
    await database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changing'");
    await expect.poll(() => source.trouble?.reason, { timeout: 10_000 }).toMatch(/the password .* is wrong/);
    // It is written anew, and for a while the service has none of it.
    for (const [make, problem] of [
      [() => rm(passwordFile), /cannot read .*password: /],
      [() => mkdir(passwordFile), /password is not a file/],
      [
        () => rm(passwordFile, { recursive: true }).then(() => writeFile(passwordFile, '\n')),
        /password is empty/,
      ],
    ] as [() => Promise<unknown>, RegExp][]) {
      await make();
      await expect.poll(() => source.trouble?.reason, { timeout: 10_000 }).toMatch(problem);
      expect(source.trouble?.reason).toContain('it wants a password of the user changing');
    }
    await rm(passwordFile);
    await writeFile(passwordFile, 'two\n', { mode: 0o600 });
    if (IS_ROOT) {
      const reason = await asUser(NOBODY, () =>
        connectDatabase(config).then(
          () => 'connected',
          ({ message }) => message,
        ),
      );
      expect(reason).toMatch(/cannot read .*password: /);
    }
    await expect.poll(() => source.trouble, { timeout: 15_000 }).toBeUndefined();
    expect(lines).toContain('the database of clients is back');
  }, 60_000);

  it('is left as it was while its tables are not filled yet, over the connection that is there', async () => {
    const database = await tables();
    await fill(database, 3);
    const { link, source, seen, lines } = await follow(database);
    await database.query('CREATE TABLE kept AS TABLE tributary_schema; DELETE FROM tributary_schema');
    await database.query('CREATE TABLE others AS TABLE tributary_clients; TRUNCATE tributary_clients');
    await expect.poll(() => source.trouble?.reason, { timeout: 5_000 }).toContain('it has no tables');
    expect([link.trouble, seen.quotas.size]).toEqual([undefined, 3]);
    await database.query('INSERT INTO tributary_clients TABLE others');
    await database.query('INSERT INTO tributary_schema TABLE kept');
    await expect.poll(() => source.trouble, { timeout: 10_000 }).toBe(undefined);
    expect([seen.told, seen.quotas.size]).toEqual([0, 3]);
    expect(lines).toEqual([
      'the list of clients in the database cannot be read: the last known list goes on',
      'the list of clients in the database can be read again',
    ]);
  });

  it('is never that of another database, and is there again when the configuration names the first', async () => {
    const [first, second] = [await tables(), await tables()];
    await fill(first, 2);
    const stateDirectory = await temporaryDirectory();
    const one = await start([], {}, { clientsDatabase: first.config, stateDirectory });
    await one.concentrator.close();
    await postgres.stop('SIGINT');
    const { concentrator, lines } = await assembled(
      [],
      {},
      { clientsDatabase: second.config, stateDirectory },
    );
    await expect(concentrator.start()).rejects.toThrow('ECONNREFUSED');
    expect(lines.join('')).toContain('are those of another database');
    const again = await start([], {}, { clientsDatabase: first.config, stateDirectory });
    expect(again.lines.join('')).toContain('"clients":2');
    await again.concentrator.close();
    await postgres.run();
  });

  it('removes old hours part by part', async () => {
    const database = await tables();
    await database.query(
      `INSERT INTO tributary_usage SELECT 'c' || n, now() - interval '500 days', 1, 1, 1 FROM generate_series(1, 30000) AS n`,
    );
    await database.query("INSERT INTO tributary_usage VALUES ('c1', now(), 1, 1, 1)");
    const client = await connectDatabase(database.config);
    expect([await removeOldHours(client), await removeOldHours(client)]).toEqual([false, true]);
    await client.end();
    expect(await database.query('SELECT count(*)::int AS rows FROM tributary_usage')).toEqual([{ rows: 1 }]);
  });
});
