import type { UplinkUse } from '../path-manager/uplink-use.ts';
import { BillingCalendar, type PeriodKind } from './billing-calendar.ts';
import type { MeteredSettings } from './metered-settings.ts';
import {
  type Added,
  currentUsage,
  mergedUsage,
  PERIOD_KINDS,
  type PeriodUsage,
  realigned,
  totalBytes,
  type UplinkUsage,
} from './usage.ts';

/** What an uplink may be used for, and why not for all. */
export interface Verdict {
  readonly use: UplinkUse;
  readonly reason: string;
}

/** A cap that is nearly used up; said once in a period. */
export interface CapWarning {
  readonly kind: PeriodKind;
  readonly usedBytes: number;
  readonly capBytes: number;
  readonly untilDate: string;
}

/** A cap and what of it is used. */
export interface CapStatus {
  readonly kind: PeriodKind;
  readonly usage: PeriodUsage;
  /** Absent: counted without a cap. */
  readonly capBytes: number | undefined;
}

/** Counts the bytes of one plan's uplinks by period and holds them against its caps. Knows no clock and no file. */
export class Meter {
  /** Of the plan, under which its usage is kept. */
  readonly name: string;
  #settings: MeteredSettings;
  #calendar: BillingCalendar;
  #usage: UplinkUsage;
  #added: Record<PeriodKind, Added> = { day: NOTHING, month: NOTHING };

  /** `stored`: what was kept of the plan, if anything. */
  constructor(name: string, settings: MeteredSettings, stored: UplinkUsage | undefined, nowMs: number) {
    this.name = name;
    this.#settings = settings;
    this.#calendar = new BillingCalendar(settings);
    this.#usage = perKind((kind) =>
      stored === undefined
        ? currentUsage(undefined, kind, this.#calendar, nowMs)
        : realigned(stored[kind], kind, this.#calendar, nowMs),
    );
  }

  /** Other settings from now on; what was counted stays. */
  configure(settings: MeteredSettings, nowMs: number): void {
    if (settings === this.#settings) return;
    this.#count(NOTHING, nowMs);
    this.#settings = settings;
    this.#calendar = new BillingCalendar(settings);
    this.#usage = perKind((kind) => realigned(this.#usage[kind], kind, this.#calendar, nowMs));
  }

  /** Takes over what was counted elsewhere, as far as its periods are not over. */
  absorb(other: UplinkUsage, nowMs: number): void {
    this.#count(NOTHING, nowMs);
    this.#usage = perKind((kind) => {
      const more = realigned(other[kind], kind, this.#calendar, nowMs);
      this.#added[kind] = sum(this.#added[kind], more);
      return { ...this.#usage[kind], ...sum(this.#usage[kind], more) };
    });
  }

  get usage(): UplinkUsage {
    return this.#usage;
  }

  /** Bytes that no file knows of yet. */
  get unsavedBytes(): number {
    return this.#added.month.sentBytes + this.#added.month.receivedBytes;
  }

  get caps(): readonly CapStatus[] {
    return PERIOD_KINDS.map((kind) => ({ kind, usage: this.#usage[kind], capBytes: this.#capOf(kind) }));
  }

  get verdict(): Verdict {
    // The one that lasts longer says it.
    const reached = this.caps
      .filter(({ usage, capBytes }) => capBytes !== undefined && totalBytes(usage) >= capBytes)
      .sort((a, b) => b.usage.endMs - a.usage.endMs)[0];
    if (reached === undefined) return { use: 'normal', reason: '' };
    const use = this.#settings.atCap === 'stop' ? 'stopped' : 'backup';
    return { use, reason: `${CAP_NAME[reached.kind]} cap reached, until ${this.#untilDate(reached.kind)}` };
  }

  /** Whether the clock stands before the period that is counted. */
  isClockBehind(nowMs: number): boolean {
    return nowMs < this.#usage.day.startMs;
  }

  /** Bytes on the wire since the last call. @returns what is to be said now */
  add(sentBytes: number, receivedBytes: number, nowMs: number): readonly CapWarning[] {
    this.#usage = perKind((kind) => this.#withDueWarning(this.#usage[kind], kind));
    this.#count({ sentBytes, receivedBytes }, nowMs);
    return this.#takeWarnings();
  }

  #count(more: Added, nowMs: number): void {
    this.#usage = perKind((kind) => {
      const current = currentUsage(this.#usage[kind], kind, this.#calendar, nowMs);
      const base = current === this.#usage[kind] ? this.#added[kind] : NOTHING;
      this.#added[kind] = sum(base, more);
      return { ...current, ...sum(current, more) };
    });
  }

  /** What is to be stored in place of `stored`. Counting may go on meanwhile; `saved` is due once the file has it. */
  save(stored: UplinkUsage | undefined, nowMs: number): { readonly usage: UplinkUsage; saved(): void } {
    const [before, added] = [this.#usage, this.#added];
    const usage = perKind((kind) => {
      const known = stored && this.#withDueWarning(stored[kind], kind);
      const merged = mergedUsage(known, before[kind], added[kind]);
      return realigned(merged, kind, this.#calendar, nowMs);
    });
    return { usage, saved: () => this.#rebase(before, usage) };
  }

  /** The file has `saved` where this meter had `before`: what came since is all that it does not have. */
  #rebase(before: UplinkUsage, saved: UplinkUsage): void {
    const [now, added] = [this.#usage, { ...this.#added }];
    this.#usage = perKind((kind) => {
      // A new period has begun meanwhile: nothing of it was in what was saved.
      if (now[kind].startMs !== before[kind].startMs) return now[kind];
      added[kind] = {
        sentBytes: now[kind].sentBytes - before[kind].sentBytes,
        receivedBytes: now[kind].receivedBytes - before[kind].receivedBytes,
      };
      const isWarned = saved[kind].isWarned || now[kind].isWarned;
      // The settings may have moved the end meanwhile; another program may have opened a later period.
      const { endMs } = saved[kind].startMs === now[kind].startMs ? now[kind] : saved[kind];
      return { ...saved[kind], endMs, ...sum(saved[kind], added[kind]), isWarned };
    });
    this.#added = added;
  }

  #takeWarnings(): readonly CapWarning[] {
    const warnings: CapWarning[] = [];
    for (const { kind, usage, capBytes } of this.caps) {
      if (capBytes === undefined || usage.isWarned || !this.#isNearCap(usage, kind)) continue;
      this.#usage = { ...this.#usage, [kind]: { ...usage, isWarned: true } };
      warnings.push({ kind, usedBytes: totalBytes(usage), capBytes, untilDate: this.#untilDate(kind) });
    }
    return warnings;
  }

  /** A warning that was given of a lower cap is not one of this cap. */
  #withDueWarning(usage: PeriodUsage, kind: PeriodKind): PeriodUsage {
    return usage.isWarned && !this.#isNearCap(usage, kind) ? { ...usage, isWarned: false } : usage;
  }

  #isNearCap(usage: PeriodUsage, kind: PeriodKind): boolean {
    const capBytes = this.#capOf(kind);
    return capBytes !== undefined && totalBytes(usage) >= capBytes * this.#settings.warnAtShare;
  }

  #capOf(kind: PeriodKind): number | undefined {
    return kind === 'day' ? this.#settings.dailyBytes : this.#settings.monthlyBytes;
  }

  /** `2026-12-12`, in the uplink's time zone. */
  dateText(ms: number): string {
    return this.#calendar.dateText(ms);
  }

  /** The first day of the next period. */
  #untilDate(kind: PeriodKind): string {
    return this.dateText(this.#usage[kind].endMs);
  }
}

export const CAP_NAME: Readonly<Record<PeriodKind, string>> = { day: 'daily', month: 'monthly' };

const NOTHING: Added = { sentBytes: 0, receivedBytes: 0 };

function sum(a: Added, b: Added): Added {
  return { sentBytes: a.sentBytes + b.sentBytes, receivedBytes: a.receivedBytes + b.receivedBytes };
}

function perKind<T>(of: (kind: PeriodKind) => T): Record<PeriodKind, T> {
  return { day: of('day'), month: of('month') };
}
