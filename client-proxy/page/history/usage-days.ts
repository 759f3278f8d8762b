import type { UplinkTraffic } from '../../../shared/runtime/session/uplink-traffic.ts';
import { BillingCalendar, type Period } from '../../metering/billing-calendar.ts';

/** What was carried on one day. */
export interface DayUsage {
  /** When the day began, milliseconds since 1970. */
  readonly startMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** The days of a plan, or of an uplink that belongs to none, the oldest first. */
export interface NamedDays {
  readonly name: string;
  readonly days: readonly DayUsage[];
}

export interface UsageDaysOptions {
  readonly maxNames: number;
  readonly maxDays: number;
}

/**
 * What plans and uplinks have carried on each day of the last month. Plans are not counted here: their days are those of the metering.
 * Of names that are more than may be, those go whose last day is longest ago.
 */
export class UsageDays {
  readonly #options: UsageDaysOptions;
  /** Of this machine, for what has no plan with a time zone of its own. */
  readonly #calendar = new BillingCalendar({ billingDay: 1 });
  readonly #byName = new Map<string, readonly DayUsage[]>();
  #today: Period = { startMs: 0, endMs: 0 };

  constructor(options: UsageDaysOptions) {
    this.#options = options;
  }

  load(all: readonly NamedDays[]): void {
    for (const { name, days } of all) this.#byName.set(name, days);
  }

  get all(): readonly NamedDays[] {
    return [...this.#byName].map(([name, days]) => ({ name, days }));
  }

  /** What a plan's meter has counted on the day that it counts now. */
  note(plan: string, { startMs, sentBytes, receivedBytes }: DayUsage): void {
    this.#set(plan, { startMs, sentBytes, receivedBytes });
  }

  /** An uplink without a plan has carried this. */
  count(uplink: string, { sentBytes, receivedBytes }: UplinkTraffic, nowMs: number): void {
    if (nowMs < this.#today.startMs || nowMs >= this.#today.endMs)
      this.#today = this.#calendar.at('day', nowMs);
    const { startMs } = this.#today;
    const before = this.#byName.get(uplink)?.find((day) => day.startMs === startMs);
    this.#set(uplink, {
      startMs,
      sentBytes: sentBytes + (before?.sentBytes ?? 0),
      receivedBytes: receivedBytes + (before?.receivedBytes ?? 0),
    });
  }

  #set(name: string, day: DayUsage): void {
    const others = (this.#byName.get(name) ?? []).filter(({ startMs }) => startMs !== day.startMs);
    const days = [...others, day].sort((one, other) => one.startMs - other.startMs);
    this.#byName.set(name, days.slice(-this.#options.maxDays));
    if (this.#byName.size > this.#options.maxNames) this.#forgetOldest(name);
  }

  #forgetOldest(except: string): void {
    const lastMs = (days: readonly DayUsage[]) => days.at(-1)?.startMs ?? 0;
    const others = [...this.#byName].filter(([name]) => name !== except);
    others.sort(([, one], [, other]) => lastMs(one) - lastMs(other));
    for (const [name] of others.slice(0, 1)) this.#byName.delete(name);
  }
}
