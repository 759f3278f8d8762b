import type { BillingCalendar, Period, PeriodKind } from './billing-calendar.ts';

export const PERIOD_KINDS = ['day', 'month'] as const satisfies readonly PeriodKind[];

/** What an uplink has carried in one period, bytes on the wire. */
export interface PeriodUsage extends Period {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** The warning of this period has been given. */
  readonly isWarned: boolean;
}

/** What is kept of one uplink. */
export type UplinkUsage = Readonly<Record<PeriodKind, PeriodUsage>>;

export function totalBytes({ sentBytes, receivedBytes }: PeriodUsage): number {
  return sentBytes + receivedBytes;
}

/**
 * The usage of the period that counts now. Periods only go forward: a clock that is set back changes nothing until it
 * has come to the period's end, and so neither wipes what was counted nor opens a period twice.
 */
export function currentUsage(
  usage: PeriodUsage | undefined,
  kind: PeriodKind,
  calendar: BillingCalendar,
  nowMs: number,
): PeriodUsage {
  if (usage !== undefined && nowMs < usage.endMs) return usage;
  return { ...calendar.at(kind, nowMs), sentBytes: 0, receivedBytes: 0, isWarned: false };
}

/** A stored usage under a configuration whose billing day or time zone may be another now: what was counted stays. */
export function realigned(
  usage: PeriodUsage,
  kind: PeriodKind,
  calendar: BillingCalendar,
  nowMs: number,
): PeriodUsage {
  if (nowMs >= usage.endMs) return currentUsage(undefined, kind, calendar, nowMs);
  return { ...usage, endMs: calendar.at(kind, Math.max(nowMs, usage.startMs)).endMs };
}

/**
 * What the file holds and what this program has counted since it last read or wrote it. Where another program has
 * written meanwhile both count; of two different periods the later one does.
 */
export function mergedUsage(stored: PeriodUsage | undefined, ours: PeriodUsage, added: Added): PeriodUsage {
  if (stored === undefined || stored.endMs < ours.endMs) return ours;
  return {
    ...stored,
    sentBytes: stored.sentBytes + added.sentBytes,
    receivedBytes: stored.receivedBytes + added.receivedBytes,
    isWarned: stored.isWarned || (stored.endMs === ours.endMs && ours.isWarned),
  };
}

/** Bytes that `ours` holds and the file does not. */
export interface Added {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}
