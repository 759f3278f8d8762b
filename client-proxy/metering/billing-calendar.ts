/** A stretch of time in which a cap holds: from `startMs` to before `endMs`, milliseconds since 1970. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

export type PeriodKind = 'day' | 'month';

interface LocalDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/** Days and billing months in one time zone, whatever its clocks are put forward or back. */
export class BillingCalendar {
  readonly #billingDay: number;
  readonly #format: Intl.DateTimeFormat;

  /** `billingDay`: 1 to 31, in shorter months the last day; `timeZone`: of IANA, by default the system's. */
  constructor({ billingDay, timeZone }: { billingDay: number; timeZone?: string }) {
    this.#billingDay = billingDay;
    this.#format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      ...(timeZone === undefined ? {} : { timeZone }),
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  }

  /** The period that a moment falls into. */
  at(kind: PeriodKind, ms: number): Period {
    const date = this.#localDate(ms);
    if (kind === 'day') {
      return { startMs: this.#startOf(date), endMs: this.#startOf({ ...date, day: date.day + 1 }) };
    }
    const { year, month } = date;
    const first = date.day >= this.#anchor(year, month) ? month : month - 1;
    return { startMs: this.#startOfBilling(year, first), endMs: this.#startOfBilling(year, first + 1) };
  }

  /** `2026-12-12`. */
  dateText(ms: number): string {
    const { year, month, day } = this.#localDate(ms);
    const two = (value: number) => String(value).padStart(2, '0');
    return `${year}-${two(month)}-${two(day)}`;
  }

  /** `month` may be 0 or 13: of the year before or after. */
  #startOfBilling(year: number, month: number): number {
    return this.#startOf({ year, month, day: this.#anchor(year, month) });
  }

  #anchor(year: number, month: number): number {
    return Math.min(this.#billingDay, new Date(Date.UTC(year, month, 0)).getUTCDate());
  }

  /** When a date begins: at midnight, or later where the clocks skip it. Fields may run over. */
  #startOf({ year, month, day }: LocalDate): number {
    const noon = Date.UTC(year, month - 1, day, 12);
    const target = dayNumber(new Date(noon));
    // No zone is further from UTC than 14 hours.
    let before = noon - 28 * HOUR_MS;
    let reached = noon + 4 * HOUR_MS;
    while (reached - before > 1) {
      const middle = Math.floor((before + reached) / 2);
      const local = this.#localDate(middle);
      const isReached = dayNumber(new Date(Date.UTC(local.year, local.month - 1, local.day))) >= target;
      if (isReached) reached = middle;
      else before = middle;
    }
    return reached;
  }

  #localDate(ms: number): LocalDate {
    const [month, , day, , year] = this.#format.formatToParts(ms);
    return { year: Number(year!.value), month: Number(month!.value), day: Number(day!.value) };
  }
}

/** Whether the system knows a time zone by this name. Offsets such as +02:00 are no names: from version 22 on, Node.js takes them, too. */
export function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const HOUR_MS = 3_600_000;

function dayNumber(date: Date): number {
  return Math.floor(date.getTime() / (24 * HOUR_MS));
}
