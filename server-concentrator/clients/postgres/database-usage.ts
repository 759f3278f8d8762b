import type pg from 'pg';
import type { WallClock } from '../../../shared/runtime/clock.ts';
import type { ClientDatabaseConfig } from '../../config/concentrator-config.ts';
import type { UsageBatch, UsageTotal } from '../../usage/usage-count.ts';
import type { UsageStore } from '../../usage/usage-store.ts';
import { DatabaseError } from '../client-store.ts';
import { databaseError } from './database-error.ts';
import type { DatabaseLink } from './database-link.ts';
import { OnDemandConnection } from './on-demand-connection.ts';
import { readUsageMonth, removeOldHours, removeOldWriters, writeUsage } from './usage-tables.ts';

/** Quotas hold over a fleet within this time, and that in which the others read it. */
const SAVE_EVERY_MS = 5_000;
const CLEAN_EVERY_MS = 24 * 60 * 60 * 1_000;

/** Usage in the database: one row for each client and hour, and one for each client and month. */
export class DatabaseUsage implements UsageStore {
  readonly saveEveryMs = SAVE_EVERY_MS;
  /** Beside that of the list: however long this waits, a client that is removed is so at once. */
  readonly #connection: OnDemandConnection;
  readonly #config: ClientDatabaseConfig;
  readonly #link: Pick<DatabaseLink, 'trouble'>;
  readonly #wallClock: WallClock;
  #cleanedMs = Number.NEGATIVE_INFINITY;

  /** @param link tells whether the database is away */
  constructor(config: ClientDatabaseConfig, link: Pick<DatabaseLink, 'trouble'>, wallClock: WallClock) {
    this.#connection = new OnDemandConnection(config, { isTriedAgain: true });
    this.#config = config;
    this.#link = link;
    this.#wallClock = wallClock;
  }

  async write(batch: UsageBatch): Promise<void> {
    await this.#use((client) => writeUsage(client, batch));
    await this.#clean();
  }

  readMonth(month: string): Promise<ReadonlyMap<string, UsageTotal>> {
    return this.#use((client) => readUsageMonth(client, month));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Once a day, and part by part where much is old. */
  async #clean(): Promise<void> {
    const nowMs = this.#wallClock();
    const sinceMs = nowMs - this.#cleanedMs;
    if (sinceMs >= 0 && sinceMs < CLEAN_EVERY_MS) return;
    // A role without the right to delete keeps them; it may have it for one of the two.
    const isDone = await this.#use(removeOldHours).catch(() => true);
    if (!isDone) return;
    this.#cleanedMs = nowMs;
    await this.#use(removeOldWriters).catch(() => {});
  }

  async #use<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const { trouble } = this.#link;
    // One tries to connect, and that is enough.
    if (trouble !== undefined) throw new DatabaseError(trouble.reason);
    try {
      return await this.#connection.use(work);
    } catch (error) {
      throw error instanceof DatabaseError ? error : databaseError(error, this.#config);
    }
  }
}
