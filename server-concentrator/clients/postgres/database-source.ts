import type { Logger } from 'pino';
import type { ClientEntry } from '../../config/concentrator-config.ts';
import type { ClientSource } from '../client-source.ts';
import type { KnownClients } from '../known-clients.ts';
import { CLIENT_COLUMNS, type ClientRow, clientFrom } from './client-rows.ts';
import type { DatabaseLink } from './database-link.ts';

export interface DatabaseSourceOptions {
  readonly link: DatabaseLink;
  /** The list as it was last known, on disk. */
  readonly known: KnownClients;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** More changes than that at once are read with all the others. */
const MAX_CHANGES = 500;
/** The list is read as a whole so often, whatever is told of it: a pooler between may drop notifications without a word. */
const READ_ALL_EVERY_MS = 5 * 60_000;
const READ_AGAIN_MS = 1_000;
/** Where a list is known, the start does not wait longer for a database that may be away. */
const PATIENCE_MS = 1_000;

/** Follows the list of clients in the database. */
export class DatabaseSource implements ClientSource {
  readonly #options: DatabaseSourceOptions;
  #clients = new Map<string, ClientEntry>();
  #onList: ((clients: readonly ClientEntry[]) => void) | undefined;
  #changed = new Set<string>();
  #isReading = false;
  #isStarted = false;
  #rereading: NodeJS.Timeout | undefined;

  constructor(options: DatabaseSourceOptions) {
    this.#options = options;
  }

  get trouble(): ClientSource['trouble'] {
    return this.#options.link.trouble;
  }

  async start(onList: (clients: readonly ClientEntry[]) => void): Promise<readonly ClientEntry[]> {
    const { link, known, logger } = this.#options;
    this.#onList = onList;
    const connecting = link.start({
      onConnected: () => this.#readAll(),
      onNotified: (id) => this.#onNotified(id),
    });
    const last = known.clients;
    const patience = new Promise<'late'>((resolve) => {
      if (last !== undefined) setTimeout(resolve, PATIENCE_MS, 'late').unref();
    });
    const outcome = await Promise.race([connecting, patience]);
    this.#rereading = setInterval(() => this.#onNotified(EVERY), READ_ALL_EVERY_MS);
    this.#isStarted = true;
    if (outcome === undefined) return this.#list;
    if (last === undefined) {
      await this.close();
      throw outcome;
    }
    logger.warn({ clients: last.length }, 'the list of clients is the one that was known last');
    for (const client of last) this.#clients.set(client.id, client);
    return last;
  }

  async close(): Promise<void> {
    clearInterval(this.#rereading);
    await this.#options.link.close();
    await this.#options.known.close();
  }

  get #list(): readonly ClientEntry[] {
    return [...this.#clients.values()];
  }

  #onNotified(id: string): void {
    this.#changed.add(id);
    if (!this.#isReading) void this.#readChanged();
  }

  async #readChanged(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#changed.size > 0) {
        const ids = [...this.#changed];
        this.#changed = new Set();
        if (ids.includes(EVERY) || ids.length > MAX_CHANGES) await this.#readAll();
        else await this.#read(ids);
      }
    } catch {
      // As a rule the connection is lost, and all is read when there is another one.
      this.#changed.clear();
      if (this.trouble === undefined) setTimeout(() => this.#onNotified(EVERY), READ_AGAIN_MS).unref();
    } finally {
      this.#isReading = false;
    }
  }

  async #readAll(): Promise<void> {
    const { rows } = await this.#options.link.use((client) =>
      client.query<ClientRow>(`SELECT ${CLIENT_COLUMNS} FROM tributary_clients`),
    );
    this.#clients = new Map();
    this.#take(rows);
  }

  async #read(ids: readonly string[]): Promise<void> {
    const { rows } = await this.#options.link.use((client) =>
      client.query<ClientRow>(`SELECT ${CLIENT_COLUMNS} FROM tributary_clients WHERE id = ANY($1)`, [ids]),
    );
    for (const id of ids) this.#clients.delete(id);
    this.#take(rows);
  }

  #take(rows: readonly ClientRow[]): void {
    const { known, logger } = this.#options;
    for (const row of rows) {
      const client = clientFrom(row);
      if (typeof client === 'string') {
        logger.warn(
          { client: row.id, reason: client },
          'a client in the database cannot be read: it may not connect',
        );
        continue;
      }
      const { created: _, rotated: __, ...entry } = client;
      this.#clients.set(entry.id, entry);
    }
    const list = this.#list;
    known.keep(list);
    if (this.#isStarted) this.#onList?.(list);
  }
}

/** What a notification names that is about all clients. */
const EVERY = '';
