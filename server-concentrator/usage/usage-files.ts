import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { TributaryError } from '../../shared/protocol/errors.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { type HeldLock, withFileLock } from '../../shared/runtime/files/file-lock.ts';
import { fileExists, removeFile, writePrivateFile } from '../../shared/runtime/files/private-file.ts';
import { readTextFile } from '../../shared/runtime/files/read-file.ts';
import { damagedName } from '../../shared/runtime/files/state-file.ts';
import { added, type UsageBatch, type UsageTotal } from './usage-count.ts';
import type { UsageStore } from './usage-store.ts';

/** A disk need not take it more often, and so much is lost at most when the machine dies. */
const SAVE_EVERY_MS = 60_000;
/** The same month of the year before can be looked at. */
const MAX_MONTHS = 14;
/** A hundred bytes for each client, and all clients that a file may list. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
/** Somebody else adds to a file for milliseconds. */
const LOCK_WAIT_MS = 2_000;
const NAME = /^usage-\d{4}-\d{2}\.json$/;

export interface UsageFilesOptions {
  readonly wallClock: WallClock;
  readonly logger: Pick<Logger, 'warn'>;
}

/** A file for each month, in the state directory. */
export class UsageFiles implements UsageStore {
  readonly saveEveryMs = SAVE_EVERY_MS;
  readonly #directory: string;
  readonly #options: UsageFilesOptions;

  constructor(directory: string, options: UsageFilesOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** Another concentrator that was given the same directory by mistake adds to the same files. */
  write(batch: UsageBatch): Promise<void> {
    const file = fileOf(this.#directory, batch.hour.slice(0, 7));
    const { wallClock } = this.#options;
    return withFileLock(file, { wallClock, waitMs: LOCK_WAIT_MS }, (lock) => this.#write(batch, lock));
  }

  async #write({ hour, counts }: UsageBatch, lock: HeldLock): Promise<void> {
    const month = hour.slice(0, 7);
    const totals = new Map(await this.readMonth(month));
    for (const { client, ...count } of counts) totals.set(client, added(totals.get(client), count));
    const clients = Object.fromEntries(
      [...totals].map(([client, total]) => [client, [total.upBytes, total.downBytes, total.connections]]),
    );
    const isNew = !(await fileExists(fileOf(this.#directory, month)));
    const text = `${JSON.stringify({ version: 1, month, clients })}\n`;
    await lock.confirm();
    await writePrivateFile(fileOf(this.#directory, month), text, { overwrite: true });
    // The batch is written, and must not be tried again for the sake of an old file.
    if (isNew) await this.#removeOld().catch(() => {});
  }

  async readMonth(month: string): Promise<ReadonlyMap<string, UsageTotal>> {
    const file = fileOf(this.#directory, month);
    try {
      return await readMonth(this.#directory, month);
    } catch (error) {
      if (!(error instanceof DamagedUsage)) throw error;
      const kept = damagedName(file);
      await rename(file, kept);
      this.#options.logger.warn({ reason: error.message, kept }, 'usage of a month is lost');
      return new Map();
    }
  }

  async close(): Promise<void> {}

  async #removeOld(): Promise<void> {
    const names = (await readdir(this.#directory)).filter((name) => NAME.test(name)).sort();
    for (const name of names.slice(0, Math.max(0, names.length - MAX_MONTHS)))
      await removeFile(join(this.#directory, name));
  }
}

/** What the files of a state directory say of a month; nothing where there is no such file. Rejects where it cannot be read now, or is damaged. */
export async function readMonth(directory: string, month: string): Promise<ReadonlyMap<string, UsageTotal>> {
  const file = fileOf(directory, month);
  const read = await readTextFile(file, MAX_FILE_BYTES);
  if ('problem' in read) {
    if (read.isAbsent) return new Map();
    // What cannot be read now, such as a file of another user, may hold all of the month.
    throw read.isTooLarge ? new DamagedUsage(read.problem) : new UsageFileError(read.problem);
  }
  const totals = parse(read.text);
  if (totals === undefined) throw new DamagedUsage(`${file} does not hold the usage of clients`);
  return totals;
}

class UsageFileError extends TributaryError {
  constructor(message: string) {
    super('internalError', message, 'ours');
  }
}

class DamagedUsage extends UsageFileError {}

function fileOf(directory: string, month: string): string {
  return join(directory, `usage-${month}.json`);
}

function parse(text: string): Map<string, UsageTotal> | undefined {
  try {
    const { version, clients } = JSON.parse(text) as { version?: unknown; clients?: unknown };
    if (version !== 1 || typeof clients !== 'object' || clients === null) return undefined;
    const totals = new Map<string, UsageTotal>();
    for (const [client, counts] of Object.entries(clients)) {
      if (!Array.isArray(counts) || counts.length !== 3 || !counts.every(isCount)) return undefined;
      const [upBytes, downBytes, connections] = counts as [number, number, number];
      totals.set(client, { upBytes, downBytes, connections });
    }
    return totals;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
