import type { Logger } from 'pino';
import { formatBitRate } from '../../shared/runtime/config/bit-rate.ts';
import type { WireBytes } from '../../shared/runtime/net/wire-counter.ts';
import type { UplinkUse } from '../path-manager/uplink-use.ts';
import { byteText } from './byte-text.ts';
import { CAP_NAME, Meter, type Verdict } from './meter.ts';
import type { MeteredSettings } from './metered-settings.ts';
import type { UplinkUsage } from './usage.ts';
import {
  MAX_STORED_UPLINKS,
  readUsageFile,
  type StoredUsage,
  setAside,
  updateUsageFile,
} from './usage-file.ts';

export interface MeteredUplink {
  readonly name: string;
  readonly metered: MeteredSettings;
}

/** Where the figures come from, and the figures of each uplink. */
export interface WireReader {
  readonly source: 'kernel' | 'estimate';
  of(uplinkName: string): { read(): WireBytes };
}

export interface MeteringOptions {
  readonly uplinks: readonly MeteredUplink[];
  /** Where the usage is kept; touched only when there are metered uplinks. */
  readonly file: string;
  readonly wires: WireReader;
  /** Milliseconds since 1970; may jump. */
  readonly wallClock: () => number;
  readonly logger: Logger;
  setUse(uplinkName: string, use: UplinkUse, reason: string): void;
}

/**
 * How long a cap may go unnoticed: what an uplink carries in this time, and what is under way on it, is the most by which
 * it is passed.
 */
const LOOK_EVERY_MS = 250;
/** The file is written at most this often, */
const SAVE_EVERY_MS = 5_000;
/** and for little only this often, so that the pings of an idle uplink do not wear out a flash memory. */
const SAVE_LITTLE_EVERY_MS = 60_000;
const LITTLE_BYTES = 1_000_000;
/** At the end, how often the file is tried while another program is at it. */
const LAST_TRIES = 10;
const LAST_TRY_PAUSE_MS = 50;

/** Counts what the metered uplinks carry, keeps it on disk, and takes them out of use at their caps. */
export class Metering {
  readonly #options: MeteringOptions;
  readonly #meters: readonly Meter[];
  readonly #lastRead = new Map<string, WireBytes>();
  readonly #verdicts = new Map<string, Verdict>();
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #savedMs: number;
  #isFileInTrouble = false;

  private constructor(options: MeteringOptions, stored: StoredUsage) {
    this.#options = options;
    const nowMs = options.wallClock();
    this.#savedMs = nowMs;
    this.#meters = options.uplinks.map(
      ({ name, metered }) => new Meter(name, metered, stored.get(name), nowMs),
    );
  }

  /** Reads what is kept, and applies the caps that are reached already. */
  static async open(options: MeteringOptions): Promise<Metering> {
    const { uplinks, file, logger } = options;
    if (uplinks.length === 0) return new Metering(options, new Map());
    const metering = new Metering(options, await storedUsage(file, logger));
    metering.#announce();
    metering.#look();
    return metering;
  }

  /** Counts from now on, until `close`. */
  start(): void {
    if (this.#meters.length === 0) return;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  get meters(): readonly Meter[] {
    return this.#meters;
  }

  /** Counts the rest and writes it down. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#meters.length === 0) return;
    await this.#saving;
    this.#look();
    await this.#saving;
    for (let tries = 0; tries < LAST_TRIES && this.#isUnsaved; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, LAST_TRY_PAUSE_MS));
      await this.#save();
    }
  }

  #announce(): void {
    const { file, wires, wallClock, logger } = this.#options;
    for (const { name, settings } of this.#meters) {
      const { downBytesPerSecond: down, upBytesPerSecond: up } = settings.rateLimit;
      const rate = (bytesPerSecond: number) =>
        bytesPerSecond === 0 ? 'none' : formatBitRate(bytesPerSecond);
      logger.info(
        { uplink: name, file, counted: wires.source, rateLimit: { down: rate(down), up: rate(up) } },
        'metered uplink',
      );
    }
    if (this.#meters.some((meter) => meter.isClockBehind(wallClock()))) {
      logger.warn(
        { file },
        'the clock stands before the period that is counted: it goes on counting until that ends. ' +
          'If the clock was wrong then and is right now, stop the client and remove the file',
      );
    }
  }

  #look(): void {
    const nowMs = this.#options.wallClock();
    for (const meter of this.#meters) {
      const { sentBytes, receivedBytes } = this.#readSince(meter.name);
      for (const { kind, usedBytes, capBytes, untilDate } of meter.add(sentBytes, receivedBytes, nowMs)) {
        const used = `${byteText(usedBytes)} of ${byteText(capBytes)}`;
        this.#options.logger.warn(
          { uplink: meter.name, used, until: untilDate },
          `${CAP_NAME[kind]} cap nearly reached`,
        );
      }
      this.#apply(meter);
    }
    if (this.#isSaveDue(nowMs)) void this.#save();
  }

  #readSince(uplinkName: string): WireBytes {
    const now = this.#options.wires.of(uplinkName).read();
    const last = this.#lastRead.get(uplinkName) ?? { sentBytes: 0, receivedBytes: 0 };
    // What was estimated may turn out to be less; it then counts once it is more again.
    const sentBytes = Math.max(0, now.sentBytes - last.sentBytes);
    const receivedBytes = Math.max(0, now.receivedBytes - last.receivedBytes);
    this.#lastRead.set(uplinkName, {
      sentBytes: last.sentBytes + sentBytes,
      receivedBytes: last.receivedBytes + receivedBytes,
    });
    return { sentBytes, receivedBytes };
  }

  #apply({ name, verdict }: Meter): void {
    const before = this.#verdicts.get(name) ?? { use: 'normal', reason: '' };
    if (before.use === verdict.use && before.reason === verdict.reason) return;
    this.#verdicts.set(name, verdict);
    const { logger, setUse } = this.#options;
    if (verdict.use === 'normal') logger.info({ uplink: name }, 'a new period: the uplink is used again');
    else logger.warn({ uplink: name, use: verdict.use }, verdict.reason);
    setUse(name, verdict.use, verdict.reason);
  }

  get #isUnsaved(): boolean {
    return this.#meters.some(({ unsavedBytes }) => unsavedBytes > 0);
  }

  #isSaveDue(nowMs: number): boolean {
    const unsavedBytes = this.#meters.reduce((sum, meter) => sum + meter.unsavedBytes, 0);
    if (unsavedBytes === 0 || this.#saving !== undefined) return false;
    // A clock that was set back must not put it off.
    const sinceMs = Math.abs(nowMs - this.#savedMs);
    return sinceMs >= (unsavedBytes < LITTLE_BYTES ? SAVE_LITTLE_EVERY_MS : SAVE_EVERY_MS);
  }

  #save(): Promise<void> {
    this.#saving ??= this.#saveNow().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async #saveNow(): Promise<void> {
    const { file, logger, wallClock } = this.#options;
    const nowMs = wallClock();
    this.#savedMs = nowMs;
    const done: (() => void)[] = [];
    try {
      const isSaved = await updateUsageFile(file, (stored) => {
        const usage = new Map(stored);
        for (const meter of this.#meters) {
          const result = meter.save(stored.get(meter.name), nowMs);
          usage.set(meter.name, result.usage);
          done.push(result.saved);
        }
        return bounded(usage, new Set(this.#meters.map(({ name }) => name)));
      });
      if (isSaved) for (const saved of done) saved();
      if (isSaved && this.#isFileInTrouble)
        logger.info({ file }, 'the usage of metered uplinks is kept again');
      if (isSaved) this.#isFileInTrouble = false;
    } catch (error) {
      if (!this.#isFileInTrouble) {
        const { message } = error as Error;
        logger.error(
          { file, reason: message },
          'the usage of metered uplinks cannot be kept: until it can, a restart forgets it. See stateDir',
        );
      }
      this.#isFileInTrouble = true;
    }
  }
}

/** What is kept; a damaged file is set aside, and counting starts anew. */
async function storedUsage(file: string, logger: Logger): Promise<StoredUsage> {
  const read = await readUsageFile(file);
  if (read.kind === 'read') return read.usage;
  if (read.kind === 'damaged') {
    const kept = await setAside(file).catch((error: Error) => `not moved: ${error.message}`);
    logger.warn(
      { file, kept, reason: read.problem },
      'the usage of metered uplinks is damaged: counted anew',
    );
  }
  return new Map();
}

/** Those of earlier configurations stay, as long as there is room: those whose month is over go first. */
function bounded(usage: Map<string, UplinkUsage>, own: ReadonlySet<string>): StoredUsage {
  const others = [...usage].filter(([name]) => !own.has(name));
  others.sort(([, a], [, b]) => a.month.endMs - b.month.endMs);
  for (const [name] of others.slice(0, Math.max(0, usage.size - MAX_STORED_UPLINKS))) usage.delete(name);
  return usage;
}
