import { join } from 'node:path';
import type { Logger } from 'pino';
import type { MonotonicClock, WallClock } from '../../../shared/runtime/clock.ts';
import { StateFile } from '../../../shared/runtime/files/state-file.ts';
import type { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';
import type { Metering } from '../../metering/metering.ts';
import type { ConcentratorChange, ConcentratorChanges } from './concentrator-changes.ts';
import { HISTORY_FORMAT, type KeptHistory, MAX_KEPT_DAYS, MAX_KEPT_UPLINKS } from './history-codec.ts';
import type { HistoryReport } from './rate-series.ts';
import type { StateChange, StateChanges } from './state-changes.ts';
import { UplinkHistory } from './uplink-history.ts';
import { type NamedDays, UsageDays } from './usage-days.ts';

/** The name of the file in the state directory. */
const HISTORY_FILE_NAME = 'page-history.gz';

export interface HistoryKeeperOptions {
  readonly file: string;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  /** What went over the concentrator, and past it. */
  readonly traffic: Pick<TrafficTable, 'entries'>;
  readonly directTraffic: Pick<TrafficTable, 'entries'>;
  readonly metering: Pick<Metering, 'meters' | 'plans'>;
  readonly changes: Pick<StateChanges, 'all' | 'load' | 'sample'>;
  readonly concentratorChanges: Pick<ConcentratorChanges, 'all' | 'load'>;
}

/** The last day, and the days before it, for the page. */
export interface DayReport {
  readonly minutes: HistoryReport;
  readonly days: readonly NamedDays[];
}

/** Flash memory wears out: the file is written at most this often, */
const SAVE_EVERY_MS = 60_000;
/** and this often while next to nothing is carried, and no state changes. */
const SAVE_LITTLE_EVERY_MS = 15 * 60_000;
const LITTLE_BYTES = 1_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads what is kept in the state directory; see `HistoryKeeper`. */
export function openPageHistory(
  options: Omit<HistoryKeeperOptions, 'file'> & { readonly stateDirectory: string },
): Promise<HistoryKeeper> {
  return HistoryKeeper.open({ ...options, file: join(options.stateDirectory, HISTORY_FILE_NAME) });
}

/** What the page shows of the past: seconds, minutes, days, and changes of states. It is the same after a restart, but for the last minute. */
export class HistoryKeeper {
  readonly history = new UplinkHistory();
  readonly #options: HistoryKeeperOptions;
  readonly #days = new UsageDays({ maxNames: 2 * MAX_KEPT_UPLINKS, maxDays: MAX_KEPT_DAYS });
  readonly #file: StateFile<KeptHistory>;
  #unsavedBytes = 0;
  #savedMs: number;
  #savedChanges: readonly StateChange[];
  #savedEvents: readonly ConcentratorChange[];

  private constructor(options: HistoryKeeperOptions, file: StateFile<KeptHistory>) {
    this.#options = options;
    this.#file = file;
    this.#savedMs = options.wallClock();
    this.#savedChanges = options.changes.all;
    this.#savedEvents = options.concentratorChanges.all;
  }

  /** Reads what is kept. A file that this program has not written is set aside. */
  static async open(options: HistoryKeeperOptions): Promise<HistoryKeeper> {
    const { stateFile, state } = await StateFile.open({
      ...{ file: options.file, logger: options.logger, maxBytes: MAX_FILE_BYTES },
      ...{ format: HISTORY_FORMAT, what: "the page's figures of the past" },
    });
    if (state !== undefined) {
      options.changes.load(state.changes);
      options.concentratorChanges.load(state.concentratorChanges);
    }
    const keeper = new HistoryKeeper(options, stateFile);
    if (state === undefined) return keeper;
    keeper.history.seconds.load(state.seconds);
    keeper.history.minutes.load(state.minutes);
    keeper.#days.load(state.days);
    return keeper;
  }

  /** Adds what was carried since the last call; writes the file if it is time. */
  sample(): void {
    const { clock, wallClock, traffic, directTraffic, metering, changes } = this.#options;
    const nowMs = wallClock();
    changes.sample();
    const carried = this.history.add(nowMs, clock(), [...traffic.entries(), ...directTraffic.entries()]);
    const { plans, meters } = metering;
    for (const { name, usage } of meters) this.#days.note(name, usage.day);
    for (const [uplink, bytes] of carried) {
      if (!plans.has(uplink)) this.#days.count(uplink, bytes, nowMs);
      this.#unsavedBytes += bytes.sentBytes + bytes.receivedBytes;
    }
    if (this.#isSaveDue(nowMs)) void this.#save(nowMs);
  }

  /** @param afterMs what of the minutes is known already */
  report(afterMs: number): DayReport {
    return { minutes: this.history.minutes.report(afterMs), days: this.#days.all };
  }

  /** Writes the rest down. */
  async close(): Promise<void> {
    if (!this.history.isClockBehind) await this.#save(this.#options.wallClock());
  }

  #isSaveDue(nowMs: number): boolean {
    // It would be taken for newer than what is kept.
    if (this.history.isClockBehind) return false;
    const { changes, concentratorChanges } = this.#options;
    const isSame = this.#savedChanges === changes.all && this.#savedEvents === concentratorChanges.all;
    const isLittle = this.#unsavedBytes < LITTLE_BYTES && isSame;
    // A clock that was set back must not put it off.
    return Math.abs(nowMs - this.#savedMs) >= (isLittle ? SAVE_LITTLE_EVERY_MS : SAVE_EVERY_MS);
  }

  async #save(nowMs: number): Promise<void> {
    const { changes, concentratorChanges } = this.#options;
    this.#savedMs = nowMs;
    this.#savedChanges = changes.all;
    this.#savedEvents = concentratorChanges.all;
    this.#unsavedBytes = 0;
    const { seconds, minutes } = this.history;
    await this.#file.save(() => ({
      seconds: seconds.report(nowMs - HOUR_MS),
      minutes: minutes.report(nowMs - DAY_MS),
      days: this.#days.all,
      changes: changes.all,
      concentratorChanges: concentratorChanges.all,
    }));
  }
}
