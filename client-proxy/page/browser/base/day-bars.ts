import { colourOf } from '../../../../shared/page-browser/colours.ts';
import type { NamedDays } from '../../history/usage-days.ts';
import type { PlanView } from '../../page-view.ts';

/** The last days, the oldest first, and what each name carried on them. */
export interface DayBars {
  /** When each day began, milliseconds since 1970. */
  readonly days: readonly number[];
  readonly tracks: readonly {
    readonly name: string;
    /** As of `colourOf`. */
    readonly colour: string;
    /** Both directions together, null where nothing is known. */
    readonly bytes: readonly (number | null)[];
  }[];
}

const SHOWN_DAYS = 31;
const DAY_MS = 86_400_000;

/**
 * All days of the last month, those without figures as well.
 * @param names of the uplinks, in the order of their colours; other names have the colours after them
 */
export function dayBars(all: readonly NamedDays[], names: readonly string[], nowMs: number): DayBars {
  const starts = all.flatMap((one) => one.days.map(({ startMs }) => startMs));
  const lastMs = Math.max(new Date(nowMs).setHours(0, 0, 0, 0), ...starts);
  const days = Array.from({ length: SHOWN_DAYS }, (_, i) => {
    const date = new Date(lastMs);
    // Not 24 hours: clocks may have been put forward or back.
    return date.setDate(date.getDate() - (SHOWN_DAYS - 1 - i));
  });
  const order = [...new Set([...names, ...all.map(({ name }) => name)])];
  return {
    days,
    tracks: all.map((one) => ({
      name: one.name,
      colour: colourOf(order.indexOf(one.name)),
      bytes: days.map((dayMs) => bytesOf(one, dayMs)),
    })),
  };
}

/** A plan's days may begin at another hour than those of who looks: its time zone may be another. */
function bytesOf({ days }: NamedDays, dayMs: number): number | null {
  const own = days.filter(({ startMs }) => Math.abs(startMs - dayMs) < DAY_MS / 2);
  return own.length === 0
    ? null
    : own.reduce((sum, { sentBytes, receivedBytes }) => sum + sentBytes + receivedBytes, 0);
}

/** What a plan may use on a day: its cap for the day, or an even share of that for the month; undefined without either. */
export function dayShareOf({
  caps,
}: PlanView): { readonly label: string; readonly bytes: number } | undefined {
  for (const { period, capBytes, fromMs, untilMs } of caps) {
    if (capBytes === null) continue;
    if (period === 'day') return { label: 'cap of a day', bytes: capBytes };
    const days = Math.round((untilMs - fromMs) / DAY_MS);
    return { label: 'cap, for a day', bytes: capBytes / days };
  }
  return undefined;
}
