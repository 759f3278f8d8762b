import type pg from 'pg';
import type { Logger } from 'pino';
import { Backoff } from '../../../shared/runtime/async/backoff.ts';
import type { WallClock } from '../../../shared/runtime/clock.ts';
import { errorWords } from '../../../shared/runtime/text/error-words.ts';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import { DatabaseError } from '../client-store.ts';
import { connectDatabase, disconnect, limitLockWaits } from './connection.ts';
import { databaseError, isFromServer } from './database-error.ts';
import { migrate } from './migrations.ts';

export interface DatabaseLinkOptions {
  readonly config: ClientDatabaseConfig;
  readonly wallClock: WallClock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** Who is told of changes. */
export interface LinkOwner {
  /** There are clients: a database without tables has lost them, and no new ones are made. */
  readonly hasClients: boolean;
  /** The tables are there, and changes are told of from now on. Rejects where the database fails meanwhile. */
  onConnected(): Promise<void>;
  onNotified(payload: string): void;
}

/** A database is back after a restart within seconds, and a fleet must not come back at once. */
const BACKOFF = { minMs: 200, maxMs: 5_000 };
/** One that lasts for so long is no failure: a server that drops each connection after a moment is not asked for the whole list all the time. */
const LASTING_MS = 10_000;
/** A connection that leads nowhere any more shows by a question without an answer. */
const QUESTION_EVERY_MS = 5_000;
const QUESTION_TIMEOUT_MS = 5_000;

/** One connection to the database, on which changes of the list are heard of; made again whenever it is lost. */
export class DatabaseLink {
  readonly #options: DatabaseLinkOptions;
  readonly #backoff: Backoff;
  #client: pg.Client | undefined;
  #owner: LinkOwner | undefined;
  #retry: NodeJS.Timeout | undefined;
  #questions: NodeJS.Timeout | undefined;
  #lasting: NodeJS.Timeout | undefined;
  /** Work under way. */
  #uses = 0;
  #trouble: { readonly sinceMs: number; readonly reason: string } | undefined;
  #isClosed = false;

  constructor(options: DatabaseLinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff(BACKOFF, options.random);
  }

  get trouble(): { readonly sinceMs: number; readonly reason: string } | undefined {
    return this.#trouble;
  }

  /** Connects, and stays connected from then on. Resolves after the first try: to why it has failed, if it has. */
  async start(owner: LinkOwner): Promise<DatabaseError | undefined> {
    this.#owner = owner;
    return this.#try();
  }

  /** Rejects with DatabaseError, also while there is no connection. */
  async use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const client = this.#client;
    if (client === undefined) throw new DatabaseError(this.#trouble?.reason ?? 'not connected');
    this.#uses++;
    try {
      return await work(client);
    } catch (error) {
      // A question to which there was no answer in time may hold up all that follow it. What we say of an answer is none.
      if (!(error instanceof DatabaseError || isFromServer(error))) this.#drop(client);
      throw databaseError(error, this.#options.config);
    } finally {
      this.#uses--;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#stopTimers();
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await disconnect(client);
  }

  async #try(): Promise<DatabaseError | undefined> {
    const { config, logger, wallClock } = this.#options;
    try {
      let isLost = false;
      const client = await connectDatabase(config, () => {
        isLost = true;
        this.#onLost(client);
      });
      try {
        await migrate(client, this.#owner?.hasClients === false);
        await limitLockWaits(client);
        client.on('notification', ({ payload = '' }) => this.#owner?.onNotified(payload));
        // Before anything is read: no change falls between.
        await client.query('LISTEN tributary_clients');
        if (this.#isClosed || isLost) throw new DatabaseError('the connection was closed');
        this.#client = client;
        await this.#owner?.onConnected();
      } catch (error) {
        this.#client = undefined;
        void disconnect(client);
        throw databaseError(error, config);
      }
      this.#onConnected();
      return undefined;
    } catch (error) {
      const reason = errorWords(error);
      if (this.#trouble?.reason !== reason && !this.#isClosed) {
        logger.warn({ reason }, 'the database of clients cannot be used: the last known list goes on');
      }
      this.#trouble = { sinceMs: this.#trouble?.sinceMs ?? wallClock(), reason };
      this.#retryLater();
      return error as DatabaseError;
    }
  }

  #onConnected(): void {
    const { logger } = this.#options;
    if (this.#trouble !== undefined) logger.info('the database of clients is back');
    this.#trouble = undefined;
    this.#lasting = setTimeout(() => this.#backoff.succeed(), LASTING_MS);
    this.#questions = setInterval(() => void this.#ask(), QUESTION_EVERY_MS);
  }

  #onLost(client: pg.Client): void {
    if (this.#client !== client || this.#isClosed) return;
    this.#client = undefined;
    this.#stopTimers();
    const { wallClock, logger } = this.#options;
    this.#trouble = { sinceMs: wallClock(), reason: 'the connection was lost' };
    logger.warn('the connection to the database of clients was lost: the last known list goes on');
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#try(), this.#backoff.nextMs());
  }

  /** It answers no more. */
  #drop(client: pg.Client): void {
    this.#onLost(client);
    // What waits for an answer on it fails.
    void disconnect(client);
  }

  #stopTimers(): void {
    clearInterval(this.#questions);
    clearTimeout(this.#lasting);
  }

  async #ask(): Promise<void> {
    const client = this.#client;
    // Answers come in order, and each question of those that use it has a limit of its own.
    if (client === undefined || this.#uses > 0) return;
    const silent = setTimeout(() => this.#drop(client), QUESTION_TIMEOUT_MS);
    await client.query('SELECT 1').catch(() => {});
    clearTimeout(silent);
  }
}
