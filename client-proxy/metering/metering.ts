import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { formatBitRate } from '../../shared/runtime/config/bit-rate.ts';
import { damagedName } from '../../shared/runtime/files/state-file.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import type { UplinkFollower } from '../network/uplink-follower.ts';
import type { UplinkUse } from '../path-manager/uplink-use.ts';
import type { UplinkBinding } from '../uplink/uplink.ts';
import { CAP_NAME, Meter, type Verdict } from './meter.ts';
import type { MeteredSettings } from './metered-settings.ts';
import {
  type ConfiguredPlans,
  formerNames,
  isPattern,
  isUnnamed,
  type Plan,
  type PlannedUplink,
  planOf,
} from './plan.ts';
import { strayUsage } from './stray-usage.ts';
import type { UplinkUsage } from './usage.ts';
import {
  boundedUsage,
  MAX_STORED_UPLINKS,
  readUsageFile,
  type StoredUsage,
  type UsageRead,
  updateUsageFile,
} from './usage-file.ts';
import type { WireBytes } from './wire-counter.ts';

/** Where the figures come from, and the figures of each uplink. */
export interface WireReader {
  readonly source: 'kernel' | 'estimate';
  of(uplinkName: string): { read(): WireBytes };
}

export interface MeteringOptions {
  /** Where the usage is kept; written only when there are metered uplinks. */
  readonly file: string;
  readonly wires: WireReader;
  readonly wallClock: WallClock;
  readonly logger: Logger;
  /** What the configuration counts for now. */
  plans(): ConfiguredPlans;
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

const FORBIDDEN =
  'the usage of metered uplinks may not be read: counted anew until it may. Give the file to the user of the client';

/** Counts by plan what the metered uplinks carry, keeps it on disk, and takes them out of use at their plans' caps. */
export class Metering implements UplinkFollower<PlannedUplink> {
  readonly #options: MeteringOptions;
  /** What the file held at the start, and no meter has taken over. */
  readonly #stored: Map<string, UplinkUsage>;
  /** By plan: of all that were metered once. */
  readonly #meters = new Map<string, Meter>();
  /** The plan of each uplink that is metered now. */
  #plans: ReadonlyMap<string, string> = new Map();
  /** Uplinks whose plan was given no name: each goes on with what was counted under another name, its own or its plan's. */
  #unnamed: readonly { readonly binding: UplinkBinding; readonly plan: string }[] = [];
  /** Names whose usage a plan has taken over, and which the file may still have. */
  readonly #absorbed = new Set<string>();
  /** Names of usage that no plan counts, and that was told of; of those that the file has. */
  readonly #toldStray = new Set<string>();
  readonly #lastRead = new Map<string, WireBytes>();
  readonly #verdicts = new Map<string, Verdict>();
  /** What came instead of the usage that is kept, until that is said. */
  #unread: Exclude<UsageRead, { kind: 'read' | 'absent' }> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #savedMs: number;
  #isFileInTrouble = false;

  private constructor(options: MeteringOptions, read: UsageRead) {
    this.#options = options;
    this.#savedMs = options.wallClock();
    this.#stored = new Map(read.kind === 'read' ? read.usage : []);
    this.#unread = 'problem' in read ? read : undefined;
  }

  /** Reads what is kept. */
  static async open(options: MeteringOptions): Promise<Metering> {
    return new Metering(options, await readUsageFile(options.file));
  }

  /** The uplinks from now on. Caps that are reached are applied before this returns, hence before anything is dialled. */
  setUplinks(uplinks: readonly PlannedUplink[]): void {
    const nowMs = this.#options.wallClock();
    const before = this.#plans;
    // What those that go have carried until now.
    if (before.size > 0) this.#look();
    const planned = uplinks.flatMap((uplink) => {
      const plan = planOf(uplink);
      return plan === undefined ? [] : [{ uplink, plan }];
    });
    this.#plans = new Map(planned.map(({ uplink, plan }) => [uplink.name, plan.name]));
    for (const { uplink, plan } of planned)
      this.#meter(uplink, plan, before.get(uplink.name) === plan.name, nowMs);
    const plans = this.#options.plans();
    this.#unnamed = planned.flatMap(({ uplink: { binding }, plan: { name: plan } }) =>
      binding !== undefined && isUnnamed(plan, plans) ? [{ binding, plan }] : [],
    );
    for (const uplink of before.keys()) {
      if (this.#plans.has(uplink)) continue;
      this.#apply(uplink, { use: 'normal', reason: '' });
      this.#lastRead.delete(uplink);
      this.#verdicts.delete(uplink);
    }
    this.#forget();
    if (this.#plans.size === 0) return;
    this.#look();
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Of the plans that uplinks belong to now. */
  get meters(): readonly Meter[] {
    const used = new Set(this.#plans.values());
    return [...this.#meters.values()].filter(({ name }) => used.has(name));
  }

  /** The plan of each uplink that is metered now, by the uplink's name. */
  get plans(): ReadonlyMap<string, string> {
    return this.#plans;
  }

  /** Counts the rest and writes it down. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
    this.#look();
    await this.#saving;
    for (let tries = 0; tries < LAST_TRIES && this.#isUnsaved; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, LAST_TRY_PAUSE_MS));
      await this.#save();
    }
  }

  #meter(
    { name: uplink, binding }: PlannedUplink,
    { name, settings }: Plan,
    isOld: boolean,
    nowMs: number,
  ): void {
    const { file, wires, logger } = this.#options;
    const known = this.#meters.get(name);
    known?.configure(settings, nowMs);
    if (isOld) return;
    const meter = this.#meterOf(name, settings, binding, nowMs);
    // What it carried while it was not metered is not counted.
    this.#lastRead.set(uplink, wires.of(uplink).read());
    const { downBytesPerSecond: down, upBytesPerSecond: up } = settings.rateLimit;
    const rate = (bytesPerSecond: number) => (bytesPerSecond === 0 ? 'none' : formatBitRate(bytesPerSecond));
    logger.info(
      { uplink, plan: name, file, counted: wires.source, rateLimit: { down: rate(down), up: rate(up) } },
      'metered uplink',
    );
    if (this.#unread !== undefined) {
      const { kind, problem: reason } = this.#unread;
      if (kind === 'damaged') {
        const kept = damagedName(file);
        logger.warn({ file, kept, reason }, 'the usage of metered uplinks is damaged: counted anew');
      } else {
        logger.warn({ file, reason }, FORBIDDEN);
      }
      this.#unread = undefined;
    }
    if (meter.isClockBehind(nowMs)) {
      logger.warn(
        { uplink, file },
        'the clock stands before the period that is counted: it goes on counting until that ends. ' +
          'If the clock was wrong then and is right now, stop the client and remove the file',
      );
    }
  }

  /** With all that was counted for it. @param binding of an uplink of the plan that is new */
  #meterOf(
    plan: string,
    settings: MeteredSettings,
    binding: UplinkBinding | undefined,
    nowMs: number,
  ): Meter {
    const former = this.#formerNames(plan, binding);
    const meter = this.#meters.get(plan) ?? new Meter(plan, settings, this.#stored.get(plan), nowMs);
    this.#meters.set(plan, meter);
    this.#stored.delete(plan);
    this.#absorb(meter, former, nowMs);
    return meter;
  }

  /** Patterns take over what they match once, be an uplink of theirs there or not: what comes to match later was a plan. */
  #beginPatterns(nowMs: number): void {
    for (const [name, { settings }] of this.#options.plans()) {
      if (isPattern(name) && !this.#meters.has(name) && !this.#stored.has(name))
        this.#meterOf(name, settings, undefined, nowMs);
    }
  }

  /** As what uplinks of this plan were counted before. @param binding of the one that is new */
  #formerNames(plan: string, binding: UplinkBinding | undefined): string[] {
    const before = this.#unnamed.filter((one) => isDeepStrictEqual(one.binding, binding));
    return formerNames({
      plan,
      uplinkNames: [...this.#uplinksOf(plan), ...before.map((one) => one.plan)],
      keptNames: [...this.#stored.keys(), ...this.#meters.keys()],
      plans: this.#options.plans(),
    });
  }

  #absorb(meter: Meter, names: readonly string[], nowMs: number): void {
    for (const name of names) {
      meter.absorb((this.#meters.get(name)?.usage ?? this.#stored.get(name))!, nowMs);
      this.#meters.delete(name);
      this.#stored.delete(name);
      this.#absorbed.add(name);
    }
  }

  #uplinksOf(plan: string): string[] {
    return [...this.#plans].flatMap(([uplink, own]) => (own === plan ? [uplink] : []));
  }

  /** Of plans that no uplink has any more, only so many as the file takes. */
  #forget(): void {
    const used = new Set(this.#plans.values());
    for (const { name, unsavedBytes } of this.#meters.values()) {
      if (this.#meters.size <= MAX_STORED_UPLINKS) return;
      if (!used.has(name) && unsavedBytes === 0) this.#meters.delete(name);
    }
  }

  #look(): void {
    const nowMs = this.#options.wallClock();
    for (const meter of this.meters) {
      const uplinks = this.#uplinksOf(meter.name);
      let [sentBytes, receivedBytes] = [0, 0];
      for (const uplink of uplinks) {
        const since = this.#readSince(uplink);
        sentBytes += since.sentBytes;
        receivedBytes += since.receivedBytes;
      }
      for (const { kind, usedBytes, capBytes, untilDate } of meter.add(sentBytes, receivedBytes, nowMs)) {
        const used = `${byteText(usedBytes)} of ${byteText(capBytes)}`;
        this.#options.logger.warn(
          { uplink: uplinks.join(', '), plan: meter.name, used, until: untilDate },
          `${CAP_NAME[kind]} cap nearly reached`,
        );
      }
      for (const uplink of uplinks) this.#use(uplink, meter);
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

  #use(uplink: string, { name: plan, verdict }: Meter): void {
    if (!this.#apply(uplink, verdict)) return;
    const { logger } = this.#options;
    if (verdict.use === 'normal')
      logger.info({ uplink, plan }, 'no cap is reached: the uplink is used again');
    else logger.warn({ uplink, plan, use: verdict.use }, verdict.reason);
  }

  /** @returns whether it is news */
  #apply(name: string, { use, reason }: Verdict): boolean {
    const before = this.#verdicts.get(name) ?? { use: 'normal', reason: '' };
    if (before.use === use && before.reason === reason) return false;
    this.#verdicts.set(name, { use, reason });
    this.#options.setUse(name, use, reason);
    return true;
  }

  get #isUnsaved(): boolean {
    return this.#unsavedBytes > 0;
  }

  get #unsavedBytes(): number {
    let sum = 0;
    for (const { unsavedBytes } of this.#meters.values()) sum += unsavedBytes;
    return sum;
  }

  #isSaveDue(nowMs: number): boolean {
    const unsavedBytes = this.#unsavedBytes;
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
    this.#beginPatterns(nowMs);
    const done: (() => void)[] = [];
    const absorbed = [...this.#absorbed];
    let kept: StoredUsage = new Map();
    try {
      const isSaved = await updateUsageFile(file, nowMs, (stored) => {
        const usage = new Map(stored);
        for (const name of absorbed) if (!this.#meters.has(name)) usage.delete(name);
        for (const meter of this.#meters.values()) {
          const result = meter.save(stored.get(meter.name), nowMs);
          usage.set(meter.name, result.usage);
          done.push(result.saved);
        }
        kept = boundedUsage(usage, new Set(this.#meters.keys()));
        return kept;
      });
      if (isSaved) for (const saved of done) saved();
      if (isSaved) for (const name of absorbed) this.#absorbed.delete(name);
      if (isSaved && this.#isFileInTrouble)
        logger.info({ file }, 'the usage of metered uplinks is kept again');
      if (isSaved) this.#isFileInTrouble = false;
      if (isSaved) this.#tellStray(kept, nowMs);
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

  /** Not at the start: what is found in the network takes over some of it. */
  #tellStray(kept: StoredUsage, nowMs: number): void {
    const { file, logger, plans } = this.#options;
    const stray = strayUsage(kept, plans(), (plan) => this.#uplinksOf(plan), nowMs);
    for (const { name, usedBytes, remedy } of stray) {
      if (this.#toldStray.has(name)) continue;
      this.#toldStray.add(name);
      logger.warn(
        { kept: name, used: byteText(usedBytes), file, remedy },
        'usage of this month is kept for what is no plan now: no cap counts it',
      );
    }
    for (const name of this.#toldStray) if (!kept.has(name)) this.#toldStray.delete(name);
  }
}
