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
/** Days, a time, a time, a time zone; what stands in their places may be wrong. */
const FORMAT = /^(?:([^\d:]*[^\d: ]) +)?(\d{1,2}:\d{2}) ?- ?(\d{1,2}:\d{2})(?: +(\S+))?$/;

/**
 * Undefined when it is none.
 * @param onMistake is told what is wrong, for people, where it looks like one
 */
export function parseTimeSpan(text: string, onMistake?: (what: string) => void): TimeSpan | undefined {
  const [, dayText, fromText, toText, timeZone] = FORMAT.exec(text) ?? [];
  if (fromText === undefined || toText === undefined) return undefined;
  const from = minuteOf(fromText);
  const to = minuteOf(toText);
  const mistake =
    (dayText === undefined ? undefined : mistakeInDays(dayText)) ??
    mistakeInTimes(fromText, toText) ??
    (timeZone === undefined || isTimeZone(timeZone)
      ? undefined
      : `no time zone is called "${timeZone}": names are such as Europe/Berlin or UTC`);
  if (mistake !== undefined) onMistake?.(mistake);
  if (mistake !== undefined || from === undefined || to === undefined) return undefined;
  return {
    text,
    ...(dayText === undefined ? {} : { days: parseDays(dayText) }),
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
function minuteOf(text: string): number | undefined {
  const [hours, minutes] = text.split(':').map(Number);
  const minute = hours! * 60 + minutes!;
  return minutes! < 60 && minute <= DAY_MINUTES ? minute : undefined;
}

function mistakeInTimes(fromText: string, toText: string): string | undefined {
  const from = minuteOf(fromText);
  const to = minuteOf(toText);
  if (from === undefined || from === DAY_MINUTES)
    return `"${fromText}" is no time of day from 00:00 to 23:59`;
  if (to === undefined) return `"${toText}" is no time of day from 00:00 to 24:00`;
  return from === to ? 'it ends where it begins: a whole day is 00:00-24:00' : undefined;
}

function mistakeInDays(text: string): string | undefined {
  const unknown = stretchesOf(text)
    .flat()
    .find((name) => !DAYS.includes(name));
  if (unknown !== undefined) return `no day is called "${unknown}": days are ${DAYS.join(', ')}`;
  const isLong = stretchesOf(text).some(({ length }) => length > 2);
  return isLong ? `"${text}" is no list of days, such as mon-fri or sat,sun` : undefined;
}

/** The first and the last day of each stretch; one where they are the same. */
function stretchesOf(text: string): string[][] {
  return text
    .toLowerCase()
    .split(',')
    .map((stretch) => stretch.split('-').map((name) => name.trim()));
}

/** Of `mon`, `mon-fri`, `sat,sun`, `fri-mon`, in either case. */
function parseDays(text: string): readonly number[] {
  const days = new Set<number>();
  for (const stretch of stretchesOf(text)) {
    const [first = 0, last = first] = stretch.map((name) => DAYS.indexOf(name));
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return [...days].sort();
}
