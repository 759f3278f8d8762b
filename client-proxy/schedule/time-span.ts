import { isTimeZone } from '../metering/billing-calendar.ts';

/** A stretch of the day that comes again every day, or on some days of the week, by the clocks of a time zone. */
export interface TimeSpan {
  /** As written. */
  readonly text: string;
  /** The days on which it begins, 0 for Sunday to 6; absent: all. */
  readonly days?: readonly number[];
  /** Minutes since midnight; it begins at the first and ends before the second, on the next day where that is not later. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** Of IANA; the system's when absent. */
  readonly timeZone?: string;
}

export const TIME_SPAN_FORMAT =
  'a time of day such as "18:00-23:00" or "22:00-06:00", with days before it and a time zone behind it if need be: ' +
  '"mon-fri 18:00-23:00 Europe/Berlin"';

const DAYS: readonly string[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FORMAT =
  /^(?:([a-z]{3}(?:[-,][a-z]{3})*) +)?(\d{1,2}):(\d{2}) ?- ?(\d{1,2}):(\d{2})(?: +([A-Za-z0-9_+\-/]+))?$/;

/** Undefined when it is none. */
export function parseTimeSpan(text: string): TimeSpan | undefined {
  const match = FORMAT.exec(text);
  if (match === null) return undefined;
  const [, dayText, fromHour, fromMinute, toHour, toMinute, timeZone] = match;
  const from = minuteOf(fromHour!, fromMinute!);
  const to = minuteOf(toHour!, toMinute!);
  const days = dayText === undefined ? undefined : parseDays(dayText);
  const isWrongZone = timeZone !== undefined && !isTimeZone(timeZone);
  if (from === undefined || to === undefined || from === to || from === DAY_MINUTES || isWrongZone)
    return undefined;
  if (dayText !== undefined && days === undefined) return undefined;
  return {
    text,
    ...(days === undefined ? {} : { days }),
    fromMinute: from,
    toMinute: to,
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

/** Tells whether moments fall into spans. What the clocks skip never comes, and what they show twice comes twice. */
export class WallClocks {
  readonly #formats = new Map<string | undefined, Intl.DateTimeFormat>();

  /** @param ms since 1970 */
  isIn(spans: readonly TimeSpan[], ms: number): boolean {
    return spans.some((span) => this.#isInOne(span, ms));
  }

  #isInOne({ days, fromMinute, toMinute, timeZone }: TimeSpan, ms: number): boolean {
    const { day, minute } = this.#read(timeZone, ms);
    const begins = (on: number) => days?.includes(on) ?? true;
    if (fromMinute < toMinute) return minute >= fromMinute && minute < toMinute && begins(day);
    return (minute >= fromMinute && begins(day)) || (minute < toMinute && begins((day + 6) % 7));
  }

  /** The day of the week and the minute of the day that clocks show there. */
  #read(timeZone: string | undefined, ms: number): { readonly day: number; readonly minute: number } {
    const parts = new Map(
      this.#formatOf(timeZone)
        .formatToParts(ms)
        .map(({ type, value }) => [type, value]),
    );
    return {
      day: DAYS.indexOf(parts.get('weekday')?.toLowerCase() ?? ''),
      minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
    };
  }

  #formatOf(timeZone: string | undefined): Intl.DateTimeFormat {
    const known = this.#formats.get(timeZone);
    if (known !== undefined) return known;
    const format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      ...(timeZone === undefined ? {} : { timeZone }),
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    if (this.#formats.size >= MAX_ZONES) this.#formats.clear();
    this.#formats.set(timeZone, format);
    return format;
  }
}

const DAY_MINUTES = 24 * 60;
/** Whose clocks are kept ready. */
const MAX_ZONES = 16;

/** 24:00 is the end of a day. */
function minuteOf(hourText: string, minuteText: string): number | undefined {
  const minute = Number(hourText) * 60 + Number(minuteText);
  return Number(minuteText) < 60 && minute <= DAY_MINUTES ? minute : undefined;
}

/** `mon`, `mon-fri`, `sat,sun`, `fri-mon`. */
function parseDays(text: string): readonly number[] | undefined {
  const days = new Set<number>();
  for (const part of text.split(',')) {
    const [first, last = first, ...more] = part.split('-').map((name) => DAYS.indexOf(name));
    if (first === undefined || last === undefined || more.length > 0 || first < 0 || last < 0)
      return undefined;
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return [...days].sort();
}
