import type pg from 'pg';
import { DatabaseError } from '../client-store.ts';

/** All that may be done to the tables is one after the other, also by several concentrators that start at once. "trib" in ASCII. */
const LOCK = 0x74726962;

/**
 * Brings the tables to the version that this program knows. Several may do so at once. A database that is as it should be is only
 * read. Rejects with DatabaseError, or what the server says.
 * @param makesTables false: a database that has none may have lost them, and is left as it is
 */
export async function migrate(client: Pick<pg.Client, 'query'>, makesTables: boolean): Promise<void> {
  const found = await versionOf(client);
  if (found === MIGRATIONS.length) return;
  if (found === 0 && !makesTables) throw withoutTables();
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await client.query(SCHEMA_TABLE);
    const version = await versionOf(client);
    for (const statements of MIGRATIONS.slice(version)) await client.query(statements);
    if (version < MIGRATIONS.length) {
      await client.query('INSERT INTO tributary_schema (version, oldest_reader) VALUES ($1, $2)', [
        MIGRATIONS.length,
        OLDEST_READER,
      ]);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Rejects with DatabaseError where the tables are not there, or are being restored: those of the clients are filled before that of the version. */
export async function expectTables(client: Pick<pg.Client, 'query'>): Promise<void> {
  if ((await versionOf(client)) === 0) throw withoutTables();
}

function withoutTables(): DatabaseError {
  return new DatabaseError(
    'it has no tables: if they are gone, restore them; for a new list, "tributary-concentrator client add NAME" or "client import FILE" makes them',
  );
}

/** @returns 0 where there is nothing yet. Throws DatabaseError where a later program has changed what this one would read. */
async function versionOf(client: Pick<pg.Client, 'query'>): Promise<number> {
  const there = await client.query<{ there: boolean }>(
    "SELECT to_regclass('tributary_schema') IS NOT NULL AS there",
  );
  if (there.rows[0]?.there !== true) return 0;
  const { rows } = await client.query<{ version: number; oldest_reader: number }>(
    'SELECT version, oldest_reader FROM tributary_schema ORDER BY version DESC LIMIT 1',
  );
  const { version = 0, oldest_reader: oldest = 0 } = rows[0] ?? {};
  if (oldest > MIGRATIONS.length) {
    throw new DatabaseError(
      `its tables are of version ${version}, and this program knows version ${MIGRATIONS.length}: a later one has changed them`,
    );
  }
  // While concentrators are upgraded one by one, those that wait go on with what the others have added to.
  return Math.min(version, MIGRATIONS.length);
}

const SCHEMA_TABLE = `
CREATE TABLE IF NOT EXISTS tributary_schema (
  version integer PRIMARY KEY,
  oldest_reader integer NOT NULL,
  applied timestamptz NOT NULL DEFAULT now()
)`;

/** Programs that know this version of the tables can work with the newest one. */
const OLDEST_READER = 1;

/** Each brings the tables to the version of its place. One that was released never changes. */
const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE tributary_clients (
  id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_.-]{1,32}$'),
  key bytea NOT NULL CHECK (octet_length(key) = 32),
  old_key bytea CHECK (octet_length(old_key) = 32),
  label text CHECK (char_length(label) <= 200),
  expires timestamptz,
  rate_bits_per_second bigint CHECK (rate_bits_per_second BETWEEN 64000 AND 1000000000000),
  quota_bytes bigint CHECK (quota_bytes BETWEEN 1000000 AND 9000000000000000),
  at_quota_bits_per_second bigint CHECK (at_quota_bits_per_second BETWEEN 64000 AND 1000000000000),
  publish text[],
  egress_allow text[] NOT NULL DEFAULT '{}',
  egress_deny text[] NOT NULL DEFAULT '{}',
  egress_only text[],
  created timestamptz NOT NULL DEFAULT now(),
  rotated timestamptz
);
COMMENT ON COLUMN tributary_clients.at_quota_bits_per_second IS 'null: new connections are refused';
COMMENT ON COLUMN tributary_clients.egress_only IS 'null: all that is allowed';

CREATE FUNCTION tributary_tell_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN PERFORM pg_notify('tributary_clients', OLD.id); END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM pg_notify('tributary_clients', NEW.id); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tributary_tell_client AFTER INSERT OR UPDATE OR DELETE ON tributary_clients
  FOR EACH ROW EXECUTE FUNCTION tributary_tell_client();

CREATE FUNCTION tributary_tell_all_clients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('tributary_clients', '');
  RETURN NULL;
END $$;
CREATE TRIGGER tributary_tell_all_clients AFTER TRUNCATE ON tributary_clients
  FOR EACH STATEMENT EXECUTE FUNCTION tributary_tell_all_clients();

CREATE TABLE tributary_usage (
  client text NOT NULL,
  hour timestamptz NOT NULL,
  up_bytes bigint NOT NULL,
  down_bytes bigint NOT NULL,
  connections bigint NOT NULL,
  PRIMARY KEY (client, hour)
);
CREATE INDEX tributary_usage_hour ON tributary_usage (hour);

CREATE TABLE tributary_usage_months (
  client text NOT NULL,
  month date NOT NULL,
  up_bytes bigint NOT NULL,
  down_bytes bigint NOT NULL,
  connections bigint NOT NULL,
  PRIMARY KEY (month, client)
);

CREATE TABLE tributary_writers (
  id uuid PRIMARY KEY,
  batch bigint NOT NULL,
  seen timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tributary_writers IS 'the last batch of usage of each concentrator, so that none counts twice';
`,
];
