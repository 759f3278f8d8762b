import { isDeepStrictEqual } from 'node:util';
import type { WallClock } from '../../../shared/runtime/clock.ts';
import type { LineLog } from '../../../shared/runtime/observe/line-limit.ts';
import { errorWords } from '../../../shared/runtime/text/error-words.ts';
import type { ClientEntry } from '../../config/concentrator-config.ts';
import type { ClientSource, OnClients } from '../client-source.ts';
import type { KnownClients } from '../known-clients.ts';
import { CLIENT_COLUMNS, type ClientRow, clientFrom } from './client-rows.ts';
import type { DatabaseLink } from './database-link.ts';
import { expectTables } from './migrations.ts';

export interface DatabaseSourceOptions {
  readonly link: Pick<DatabaseLink, 'start' | 'use' | 'close' | 'trouble'>;
  /** The list as it was last known, on disk. */
  readonly known: KnownClients;
  readonly wallClock: WallClock;
  readonly logger: LineLog;
}

/** More changes than that at once are read with all the others. */
const MAX_CHANGES = 500;
/** What changes meanwhile is read together: a program that changes clients one by one must not keep the concentrator busy. */
const PAUSE_MS = 200;
/** The list is read as a whole so often, whatever is told of it: a pooler between may drop notifications without a word. */
const READ_ALL_EVERY_MS = 5 * 60_000;
/** So many rows at a time: they take some milliseconds, in which nothing else goes on. */
const PAGE_ROWS = 1_000;
const READ_AGAIN_MS = 1_000;
/** Where a list is known, the start does not wait longer for a database that may be away. */
const PATIENCE_MS = 1_000;

/** Follows the list of clients in the database. */
export class DatabaseSource implements ClientSource {
  readonly #options: DatabaseSourceOptions;
  #clients = new Map<string, ClientEntry>();
  /** Why rows cannot be read, by client, as it was logged. */
  #unreadable = new Map<string, string>();
  #onClients: OnClients | undefined;
  #changed = new Set<string>();
  #isFollowing = false;
  /** One read is after the other, so that no older one is taken last. */
  #reading: Promise<void> = Promise.resolve();
  #isRead = false;
  #isStarted = false;
  /** The connection is there, but the list cannot be read: a right or a table is missing, or another session locks it. */
  #unread: ClientSource['trouble'];
  #rereading: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: DatabaseSourceOptions) {
    this.#options = options;
  }

  get trouble(): ClientSource['trouble'] {
    return this.#options.link.trouble ?? this.#unread;
  }

  async start(onClients: OnClients): Promise<readonly ClientEntry[]> {
    const { link, known, logger } = this.#options;
    this.#onClients = onClients;
    const connecting = link.start({
      get hasClients() {
        return (known.clients?.length ?? 0) > 0;
      },
      onConnected: () => this.#inTurn(() => this.#readAll()),
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
    this.#isClosed = true;
    clearInterval(this.#rereading);
    await this.#options.link.close();
    await this.#options.known.close();
  }

  get #list(): readonly ClientEntry[] {
    return [...this.#clients.values()];
  }

  #onNotified(id: string): void {
    this.#changed.add(id);
    if (!this.#isFollowing) void this.#follow();
  }

  /** Reads what has changed, at once, and what changes after that with a pause between. */
  async #follow(): Promise<void> {
    this.#isFollowing = true;
    while (this.#changed.size > 0) {
      const ids = [...this.#changed];
      this.#changed.clear();
      const isWhole = ids.includes(EVERY) || ids.length > MAX_CHANGES;
      try {
        await this.#inTurn(() => (isWhole ? this.#readAll() : this.#read(ids)));
        await pause(PAUSE_MS);
      } catch (error) {
        // As a rule the connection is lost, and all is read when there is another one.
        this.#changed.clear();
        if (this.#isClosed || this.#options.link.trouble !== undefined) break;
        this.#onUnread(errorWords(error));
        this.#changed.add(EVERY);
        await pause(READ_AGAIN_MS);
      }
    }
    this.#isFollowing = false;
  }

  #inTurn(read: () => Promise<void>): Promise<void> {
    const reading = this.#reading.then(read);
    this.#reading = reading.catch(() => {});
    return reading;
  }

  async #readAll(): Promise<void> {
    const found = new Map<string, ClientEntry>();
    const unreadable = new Map<string, string>();
    const changed = new Set<string>();
    let last = '';
    for (;;) {
      const { rows } = await this.#options.link.use(async (client) => {
        if (last === '') await expectTables(client);
        const page = await client.query<ClientRow>(PAGE, [last]);
        if (page.rows.length < PAGE_ROWS) await expectTables(client);
        return page;
      });
      this.#take(rows, found, unreadable, changed);
      if (rows.length < PAGE_ROWS) break;
      last = rows.at(-1)!.id;
    }
    for (const id of this.#clients.keys()) if (!found.has(id)) changed.add(id);
    this.#clients = found;
    this.#unreadable = unreadable;
    this.#onRead();
    this.#tell(changed);
  }

  #onUnread(reason: string): void {
    const { logger, wallClock } = this.#options;
    if (this.#unread?.reason !== reason)
      logger.warn(
        { reason },
        'the list of clients in the database cannot be read: the last known list goes on',
      );
    this.#unread = { sinceMs: this.#unread?.sinceMs ?? wallClock(), reason };
  }

  /** All of it: after a failure nothing less is read. */
  #onRead(): void {
    if (this.#unread === undefined) return;
    this.#unread = undefined;
    this.#options.logger.info({}, 'the list of clients in the database can be read again');
  }

  async #read(ids: readonly string[]): Promise<void> {
    const { rows } = await this.#options.link.use((client) => client.query<ClientRow>(SOME, [ids]));
    const found = new Map<string, ClientEntry>();
    const unreadable = new Map<string, string>();
    this.#take(rows, found, unreadable, new Set());
    const changed = new Set<string>();
    for (const id of ids) {
      const [before, after, why] = [this.#clients.get(id), found.get(id), unreadable.get(id)];
      if (before !== after) changed.add(id);
      if (after === undefined) this.#clients.delete(id);
      else this.#clients.set(id, after);
      if (why === undefined) this.#unreadable.delete(id);
      else this.#unreadable.set(id, why);
    }
    this.#tell(changed);
  }

  /** Entries that are as they were stay the same objects. */
  #take(
    rows: readonly ClientRow[],
    found: Map<string, ClientEntry>,
    unreadable: Map<string, string>,
    changed: Set<string>,
  ): void {
    for (const row of rows) {
      const client = clientFrom(row);
      if (typeof client === 'string') {
        unreadable.set(row.id, client);
        if (this.#unreadable.get(row.id) === client) continue;
        const reason = { client: row.id, reason: client };
        this.#options.logger.warn(reason, 'a client in the database cannot be read: it may not connect');
        continue;
      }
      const { created: _, rotated: __, ...entry } = client;
      const before = this.#clients.get(entry.id);
      const isSame = isDeepStrictEqual(before, entry);
      found.set(entry.id, isSame ? before! : entry);
      if (!isSame) changed.add(entry.id);
    }
  }

  #tell(changed: ReadonlySet<string>): void {
    if (changed.size === 0 && this.#isRead) return;
    this.#isRead = true;
    const list = this.#list;
    this.#options.known.keep(list);
    if (this.#isStarted) this.#onClients?.(list, changed);
  }
}

/** What a notification names that is about all clients. */
const EVERY = '';

const PAGE = `SELECT ${CLIENT_COLUMNS} FROM tributary_clients WHERE id > $1 ORDER BY id LIMIT ${PAGE_ROWS}`;
const SOME = `SELECT ${CLIENT_COLUMNS} FROM tributary_clients WHERE id = ANY($1)`;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
