import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { MAX_CONFIG_BYTES } from '../../../shared/runtime/config/yaml-source.ts';
import { readTextFile } from '../../../shared/runtime/files/read-file.ts';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import { passwordIn } from '../../config/database-schema.ts';
import { DatabaseError } from '../client-store.ts';
import { databaseError } from './database-error.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** A list of a hundred thousand clients is read in a second or two. */
const QUERY_TIMEOUT_MS = 20_000;
/** Another program may hold a lock for long, such as one that changes the tables: what can wait is tried again. */
const LOCK_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 1_000;
/** The oldest that its makers still mend. */
const MIN_SERVER_VERSION = 13;

/**
 * Connects to the database. Rejects with DatabaseError, whose message says what is wrong.
 * @param onLost the connection is gone, by itself; called once
 */
export async function connectDatabase(
  config: ClientDatabaseConfig,
  onLost: () => void = () => {},
): Promise<pg.Client> {
  const { host, port, user, database } = config;
  const client = new pg.Client({
    ...{ host, port, user, database },
    // A function: otherwise its own sources of a password would be asked.
    password: () => passwordNow(config),
    ssl: tlsOptions(config),
    application_name: 'tributary-concentrator',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
  });
  // Without a listener it would end the program.
  client.on('error', () => {});
  try {
    await client.connect();
    await refuseOldServer(client);
    // Not as a parameter of the start, which poolers such as PgBouncer refuse.
    await client.query(`SET statement_timeout = ${QUERY_TIMEOUT_MS}`);
    client.once('end', onLost);
    return client;
  } catch (error) {
    void disconnect(client);
    throw databaseError(error, config);
  }
}

/** As its file has it now, which may have another one since the program began. Rejects with DatabaseError where the file has none. */
async function passwordNow({ password = '', passwordFile, user }: ClientDatabaseConfig): Promise<string> {
  if (passwordFile === undefined) return password;
  const read = await readTextFile(passwordFile, MAX_CONFIG_BYTES);
  // That of before may be wrong by now, and then the password would be blamed, and not the file.
  if ('problem' in read) throw new DatabaseError(`it wants a password of the user ${user}: ${read.problem}`);
  const found = passwordIn(read.text);
  if (found === '')
    throw new DatabaseError(`it wants a password of the user ${user}: ${passwordFile} is empty`);
  return found;
}

/** From now on a question fails where another session locks what it needs for longer than a moment. For what is tried again by itself. */
export async function limitLockWaits(client: Pick<pg.Client, 'query'>): Promise<void> {
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
}

/** Ends a connection in order; without that where the server is gone and answers nothing. Never rejects. */
export async function disconnect(client: pg.Client): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
  const late = setTimeout(() => stream.destroy(), DISCONNECT_TIMEOUT_MS);
  await client.end().catch(() => {});
  clearTimeout(late);
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string }>(
    "SELECT current_setting('server_version_num') AS version",
  );
  const major = Math.floor(Number(rows[0]?.version) / 10_000);
  if (major >= MIN_SERVER_VERSION) return;
  throw new DatabaseError(`PostgreSQL ${major} is too old: version ${MIN_SERVER_VERSION} or later is needed`);
}

function tlsOptions({ tls, ca, host }: ClientDatabaseConfig): false | ConnectionOptions {
  if (tls === 'off') return false;
  return {
    rejectUnauthorized: tls === 'verify',
    ...(ca === undefined ? {} : { ca }),
    ...(isIP(host) === 0 && !host.startsWith('/') ? { servername: host } : {}),
  };
}
