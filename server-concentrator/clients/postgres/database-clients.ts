import type pg from 'pg';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import type { ListedClient } from '../../config/client-schema.ts';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import { databasePlace } from '../../config/database-schema.ts';
import type { UsageTotal } from '../../usage/usage-count.ts';
import {
  type ClientChanges,
  type ClientListing,
  type ClientStore,
  DatabaseError,
  type FoundClients,
} from '../client-store.ts';
import { CLIENT_COLUMNS, type ClientRow, clientFrom, clientValues, WRITTEN_COLUMNS } from './client-rows.ts';
import { databaseError, isDuplicate } from './database-error.ts';
import { OnDemandConnection, type OnDemandOptions } from './on-demand-connection.ts';
import { readUsageMonth } from './usage-tables.ts';

/** The clients in a database, for commands. It connects when it is first used. */
export class DatabaseClients implements ClientStore {
  readonly place: string;
  /** Concentrators hear of each change. */
  readonly hint = '';
  readonly #config: ClientDatabaseConfig;
  readonly #connection: OnDemandConnection;

  constructor(config: ClientDatabaseConfig, options: Pick<OnDemandOptions, 'makesTables'> = {}) {
    this.place = databasePlace(config);
    this.#config = config;
    this.#connection = new OnDemandConnection(config, options);
  }

  all(): Promise<ClientListing> {
    return this.#use(async (client) => {
      const { rows } = await client.query<ClientRow>(
        `SELECT ${CLIENT_COLUMNS} FROM tributary_clients ORDER BY id`,
      );
      const clients: ListedClient[] = [];
      const unreadable = new Map<string, string>();
      for (const row of rows) {
        const client = clientFrom(row);
        if (typeof client === 'string') unreadable.set(row.id, client);
        else clients.push(client);
      }
      return { clients, unreadable };
    });
  }

  update(ids: readonly string[], change: (found: FoundClients) => ClientChanges): Promise<void> {
    return this.#use(async (client) => {
      await client.query('BEGIN');
      try {
        const { rows } = await client.query<ClientRow>(
          `SELECT ${CLIENT_COLUMNS} FROM tributary_clients WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
          [ids],
        );
        const found = new FoundRows(rows);
        const { put = [], remove = [] } = change(found);
        if (remove.length > 0)
          await client.query('DELETE FROM tributary_clients WHERE id = ANY($1)', [remove]);
        const isKnown = ({ id }: ListedClient) => found.has(id);
        await write(
          client,
          put.filter((each) => !isKnown(each)),
          '',
        );
        await write(client, put.filter(isKnown), IN_PLACE);
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

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    try {
      return await this.#connection.use(work);
    } catch (error) {
      if (isDuplicate(error)) throw new DatabaseError('another command has just added a client of this name');
      // What the caller's own code has thrown goes through.
      throw error instanceof TributaryError ? error : databaseError(error, this.#config);
    }
  }
}

/** A row that cannot be read is in the way only of what must know what it says: one may be removed, or replaced as a whole. */
class FoundRows implements FoundClients {
  readonly #rows: ReadonlyMap<string, ClientRow>;

  constructor(rows: readonly ClientRow[]) {
    this.#rows = new Map(rows.map((row) => [row.id, row]));
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  get(id: string): ListedClient | undefined {
    const row = this.#rows.get(id);
    const client = row && clientFrom(row);
    if (typeof client !== 'string') return client;
    throw new DatabaseError(
      `the row of the client ${id} cannot be read: ${client}; mend it with SQL, remove the client, or import it from YAML with a key`,
    );
  }
}

/** An import of thousands asks a server far away few questions; each of these rows has as many values as `WRITTEN_COLUMNS`. */
const ROWS_AT_ONCE = 500;
const COLUMNS = WRITTEN_COLUMNS.join(', ');
const IN_PLACE = `ON CONFLICT (id) DO UPDATE SET (${COLUMNS}) = (${WRITTEN_COLUMNS.map((name) => `excluded.${name}`).join(', ')})`;

/** @param conflict what is done about those that are there */
async function write(client: pg.Client, all: readonly ListedClient[], conflict: string): Promise<void> {
  const width = WRITTEN_COLUMNS.length;
  for (let from = 0; from < all.length; from += ROWS_AT_ONCE) {
    const some = all.slice(from, from + ROWS_AT_ONCE);
    const rows = some.map(
      (_, row) => `(${WRITTEN_COLUMNS.map((__, i) => `$${row * width + i + 1}`).join(', ')})`,
    );
    await client.query(
      `INSERT INTO tributary_clients (${COLUMNS}) VALUES ${rows.join(', ')} ${conflict}`,
      some.flatMap((each) => [...clientValues(each)]),
    );
  }
}
