import type pg from 'pg';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import type { ListedClient } from '../../config/client-schema.ts';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import { databasePlace } from '../../config/database-schema.ts';
import type { UsageTotal } from '../../usage/usage-count.ts';
import { type ClientChanges, type ClientStore, DatabaseError } from '../client-store.ts';
import { CLIENT_COLUMNS, type ClientRow, clientFrom, clientValues, WRITTEN_COLUMNS } from './client-rows.ts';
import { connectDatabase } from './connection.ts';
import { databaseError, isDuplicate } from './database-error.ts';
import { migrate } from './migrations.ts';
import { readUsageMonth } from './usage-tables.ts';

/** The clients in a database, for commands. It connects when it is first used. */
export class DatabaseClients implements ClientStore {
  readonly place: string;
  /** Concentrators hear of each change. */
  readonly hint = '';
  readonly #config: ClientDatabaseConfig;
  #connected: Promise<pg.Client> | undefined;

  constructor(config: ClientDatabaseConfig) {
    this.place = databasePlace(config);
    this.#config = config;
  }

  all(): Promise<readonly ListedClient[]> {
    return this.#use(async (client) => {
      const { rows } = await client.query<ClientRow>(
        `SELECT ${CLIENT_COLUMNS} FROM tributary_clients ORDER BY id`,
      );
      return rows.map(strictlyFrom);
    });
  }

  update(
    ids: readonly string[],
    change: (found: ReadonlyMap<string, ListedClient>) => ClientChanges,
  ): Promise<void> {
    return this.#use(async (client) => {
      await client.query('BEGIN');
      try {
        const { rows } = await client.query<ClientRow>(
          `SELECT ${CLIENT_COLUMNS} FROM tributary_clients WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
          [ids],
        );
        const found = new Map(rows.map((row) => [row.id, strictlyFrom(row)]));
        const { put = [], remove = [] } = change(found);
        if (remove.length > 0)
          await client.query('DELETE FROM tributary_clients WHERE id = ANY($1)', [remove]);
        for (const each of put)
          await client.query(found.has(each.id) ? UPDATE : INSERT, [...clientValues(each)]);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  usage(month: string): Promise<ReadonlyMap<string, UsageTotal>> {
    return this.#use((client) => readUsageMonth(client, month));
  }

  async close(): Promise<void> {
    const client = await this.#connected?.catch(() => undefined);
    await client?.end();
  }

  async #use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    this.#connected ??= this.#connect();
    const client = await this.#connected;
    try {
      return await work(client);
    } catch (error) {
      if (isDuplicate(error)) throw new DatabaseError('another command has just added a client of this name');
      // What the caller's own code has thrown goes through.
      throw error instanceof TributaryError ? error : databaseError(error, this.#config);
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = await connectDatabase(this.#config);
    try {
      await migrate(client);
      return client;
    } catch (error) {
      await client.end();
      throw databaseError(error, this.#config);
    }
  }
}

function strictlyFrom(row: ClientRow): ListedClient {
  const client = clientFrom(row);
  if (typeof client !== 'string') return client;
  throw new DatabaseError(`the row of the client ${row.id} cannot be read: ${client}`);
}

const PLACES = WRITTEN_COLUMNS.map((_, index) => `$${index + 1}`).join(', ');
const INSERT = `INSERT INTO tributary_clients (${WRITTEN_COLUMNS.join(', ')}) VALUES (${PLACES})`;
const UPDATE = `UPDATE tributary_clients SET (${WRITTEN_COLUMNS.join(', ')}) = (${PLACES}) WHERE id = $1`;
