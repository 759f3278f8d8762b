import type { Logger } from 'pino';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import { added, hourOf, monthOf, type UsageBatch, type UsageCount, type UsageTotal } from './usage-count.ts';
import type { UsageStore } from './usage-store.ts';

export interface UsageKeeperOptions {
  readonly store: UsageStore;
  /** What was counted and could not be written when the program ended; see `unsent`. */
  readonly unsent?: readonly UsageBatch[];
  readonly wallClock: WallClock;
  /** A UUID. */
  readonly writer: string;
  /** Something could not be written: it is to be kept elsewhere. Also called, with none, when it could. */
  keepUnsent(unsent: readonly UsageBatch[]): Promise<void>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

/** Where counts go, and what is known of the month; see `UsageKeeper`. */
export interface UsageKeeping {
  start(): Promise<unknown>;
  add(counts: readonly UsageCount[]): void;
  usedBytes(client: string): number;
  close(counts: readonly UsageCount[]): Promise<void>;
}

/**
 * Clients in hours that wait to be written; beyond it, later hours count in the last one of their month. Ten hours of ten thousand
 * clients.
 */
const MAX_WAITING = 100_000;
/** While nothing can be written, what waits is kept for the next start so often. */
const KEEP_EVERY_MS = 60_000;
/** What the store says of this month is asked again so often, for what other concentrators add. */
const READ_EVERY_MS = 10_000;
/** Sessions wait so long for the first answer: a store that is away must not keep the program from its start. */
const FIRST_READ_MS = 1_000;

/**
 * Keeps what clients use: adds up what is counted, in this process or others, writes it from time to time, and knows what was
 * used in this month. One for each concentrator.
 */
export class UsageKeeper implements UsageKeeping {
  readonly #options: UsageKeeperOptions;
  /** By hour, by client. */
  #waiting = new Map<string, Map<string, UsageTotal>>();
  /**
   * In the order in which they are to be written. The first, and those of the program before, may have been tried, and stay as
   * they are.
   */
  #leaving: UsageBatch[];
  /** What waits or leaves, by month and client. */
  readonly #unwritten = new Map<string, number>();
  #number = 0;
  #month = '';
  #stored: ReadonlyMap<string, UsageTotal> = new Map();
  #savedMs = 0;
  #readMs = 0;
  #keptMs = 0;
  #working: Promise<void> | undefined;
  #isInTrouble = false;

  constructor(options: UsageKeeperOptions) {
    this.#options = options;
    this.#leaving = [...(options.unsent ?? [])];
    for (const batch of this.#leaving) this.#note(batch.hour, batch.counts, 1);
  }

  /** Reads what was used in this month, if that can be had now; what comes later counts from then on. */
  async start(): Promise<void> {
    this.#savedMs = this.#options.wallClock();
    await atMost(FIRST_READ_MS, this.#work(false));
  }

  /** Adds what was counted since the last call. Called each second or so, it also writes what is due. */
  add(counts: readonly UsageCount[]): void {
    const { wallClock, store } = this.#options;
    const nowMs = wallClock();
    this.#take(nowMs, counts);
    // A clock that was set back must not stop it.
    const isDue = (beforeMs: number, everyMs: number) => nowMs - beforeMs >= everyMs || nowMs < beforeMs;
    const isSaveDue = isDue(this.#savedMs, store.saveEveryMs) && this.#hasWaiting;
    const isReadDue = isDue(this.#readMs, READ_EVERY_MS) || monthOf(nowMs) !== this.#month;
    if (!isSaveDue && !isReadDue) return;
    if (isSaveDue) this.#savedMs = nowMs;
    void this.#work(isSaveDue);
  }

  /** What a client has used in this month, as far as this concentrator knows, both ways together. */
  usedBytes(client: string): number {
    const month = monthOf(this.#options.wallClock());
    const stored = this.#month === month ? this.#stored.get(client) : undefined;
    return (stored === undefined ? 0 : bytesOf(stored)) + (this.#unwritten.get(keyOf(month, client)) ?? 0);
  }

  /** Writes what waits; what cannot be written is kept for the next start. */
  async close(counts: readonly UsageCount[]): Promise<void> {
    this.#take(this.#options.wallClock(), counts);
    // At first: a store that does not answer may take longer than the program is given to end.
    this.#prepare();
    await this.#options.keepUnsent(this.#leaving);
    await this.#working;
    await this.#work(true);
    await this.#options.keepUnsent(this.#leaving);
    await this.#options.store.close();
  }

  get #hasWaiting(): boolean {
    return this.#leaving.length > 0 || this.#waiting.size > 0;
  }

  #take(nowMs: number, counts: readonly UsageCount[]): void {
    if (counts.length === 0) return;
    const key = hourOf(nowMs);
    const hour = this.#waiting.get(key) ?? new Map<string, UsageTotal>();
    this.#waiting.set(key, hour);
    for (const { client, ...count } of counts) hour.set(client, added(hour.get(client), count));
    this.#note(key, counts, 1);
  }

  #note(hour: string, counts: readonly UsageCount[], sign: 1 | -1): void {
    for (const count of counts) {
      const key = keyOf(hour.slice(0, 7), count.client);
      const bytes = (this.#unwritten.get(key) ?? 0) + sign * bytesOf(count);
      if (bytes === 0) this.#unwritten.delete(key);
      else this.#unwritten.set(key, bytes);
    }
  }

  /** Never rejects. */
  #work(isSaving: boolean): Promise<void> {
    this.#working ??= this.#saveAndRead(isSaving).finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #saveAndRead(isSaving: boolean): Promise<void> {
    const { store, wallClock, keepUnsent, logger } = this.#options;
    try {
      if (isSaving) await this.#save();
      const nowMs = wallClock();
      const month = monthOf(nowMs);
      // What leaves is in what is read, if it has left: both change in one step.
      const stored = await store.readMonth(month);
      this.#stored = stored;
      this.#month = month;
      this.#readMs = nowMs;
      if (this.#isInTrouble) {
        logger.info('usage of clients is written again');
        await keepUnsent(this.#leaving);
      }
      this.#isInTrouble = false;
    } catch (error) {
      if (!this.#isInTrouble)
        logger.warn({ reason: errorWords(error) }, 'usage of clients cannot be written now');
      this.#isInTrouble = true;
      const nowMs = wallClock();
      this.#readMs = nowMs;
      if (Math.abs(nowMs - this.#keptMs) < KEEP_EVERY_MS) return;
      this.#keptMs = nowMs;
      await keepUnsent(this.#leaving);
    }
  }

  async #save(): Promise<void> {
    const { store } = this.#options;
    this.#prepare();
    for (let batch = this.#leaving[0]; batch !== undefined; batch = this.#leaving[0]) {
      await store.write(batch);
      this.#leaving.shift();
      this.#note(batch.hour, batch.counts, -1);
      if (this.#month === batch.hour.slice(0, 7)) this.#count(batch);
    }
  }

  /** Makes batches of what waits: one for each hour, beside those that may have been tried. */
  #prepare(): void {
    const waiting = [...this.#waiting];
    this.#waiting = new Map();
    for (const [hour, totals] of waiting) {
      const untried = this.#leaving.slice(1).filter(({ writer }) => writer === this.#options.writer);
      const isFull = this.#leaving.reduce((all, { counts }) => all + counts.length, 0) >= MAX_WAITING;
      const inMonth = untried.filter((batch) => batch.hour.slice(0, 7) === hour.slice(0, 7));
      const joined = inMonth.find((batch) => batch.hour === hour) ?? (isFull ? inMonth.at(-1) : undefined);
      const all = new Map(joined?.counts.map(({ client, ...count }) => [client, count]));
      for (const [client, total] of totals) all.set(client, added(all.get(client), total));
      const counts = [...all].map(([client, total]) => ({ client, ...total }));
      if (joined === undefined) {
        this.#leaving.push({ writer: this.#options.writer, number: ++this.#number, hour, counts });
      } else {
        this.#leaving[this.#leaving.indexOf(joined)] = { ...joined, counts };
      }
    }
  }

  /** What has just been written, until it is read. */
  #count({ counts }: UsageBatch): void {
    const stored = new Map(this.#stored);
    for (const { client, ...count } of counts) stored.set(client, added(stored.get(client), count));
    this.#stored = stored;
  }
}

function bytesOf({ upBytes, downBytes }: UsageTotal): number {
  return upBytes + downBytes;
}

function keyOf(month: string, client: string): string {
  return `${month} ${client}`;
}
