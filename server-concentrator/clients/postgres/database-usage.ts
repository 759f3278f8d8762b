import type { WallClock } from '../../../shared/runtime/clock.ts';
import type { UsageBatch, UsageTotal } from '../../usage/usage-count.ts';
import type { UsageStore } from '../../usage/usage-store.ts';
import type { DatabaseLink } from './database-link.ts';
import { readUsageMonth, removeOldUsage, writeUsage } from './usage-tables.ts';

/** Quotas hold over a fleet within this time, and that in which the others read it. */
const SAVE_EVERY_MS = 5_000;
const CLEAN_EVERY_MS = 24 * 60 * 60 * 1_000;

/** Usage in the database: one row for each client and hour, and one for each client and month. */
export class DatabaseUsage implements UsageStore {
  readonly saveEveryMs = SAVE_EVERY_MS;
  readonly #link: DatabaseLink;
  readonly #wallClock: WallClock;
  #cleanedMs = Number.NEGATIVE_INFINITY;

  constructor(link: DatabaseLink, wallClock: WallClock) {
    this.#link = link;
    this.#wallClock = wallClock;
  }

  async write(batch: UsageBatch): Promise<void> {
    await this.#link.use((client) => writeUsage(client, batch));
    const nowMs = this.#wallClock();
    if (nowMs - this.#cleanedMs < CLEAN_EVERY_MS) return;
    this.#cleanedMs = nowMs;
    // A role without the right to delete keeps them.
    await this.#link.use(removeOldUsage).catch(() => {});
  }

  readMonth(month: string): Promise<ReadonlyMap<string, UsageTotal>> {
    return this.#link.use((client) => readUsageMonth(client, month));
  }
}
