import * as z from 'zod';
import { BIT_RATE_FORMAT, formatBitRate, parseBitRate } from '../../shared/runtime/config/bit-rate.ts';
import { byteSize, count, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { isTimeZone } from './billing-calendar.ts';

/** How an uplink that costs by the byte is to be used, as configured. */
export interface MeteredSettings {
  /** Bytes per second on the wire; 0 for no limit. */
  readonly rateLimit: { readonly downBytesPerSecond: number; readonly upBytesPerSecond: number };
  /** Bytes on the wire, both directions together; absent: no cap. */
  readonly dailyBytes?: number;
  readonly monthlyBytes?: number;
  readonly billingDay: number;
  /** Of IANA; the system's when absent. */
  readonly timeZone?: string;
  readonly atCap: 'backup' | 'stop';
  /** Share of a cap from which on there is a warning, above 0, to 1. */
  readonly warnAtShare: number;
}

const LEAST_RATE = 12_500;
const MOST_RATE = 12_500_000_000;

const rate = textAs(
  `${BIT_RATE_FORMAT}, from ${formatBitRate(LEAST_RATE)} to ${formatBitRate(MOST_RATE)}`,
  (text) => {
    const bytesPerSecond = parseBitRate(text);
    if (bytesPerSecond === undefined || bytesPerSecond < LEAST_RATE || bytesPerSecond > MOST_RATE)
      return undefined;
    // The concentrator is told of it in whole bytes.
    return Math.round(bytesPerSecond);
  },
);

const rateLimit = z
  .union(
    [
      rate.transform((both) => ({ down: both, up: both })),
      z.strictObject({ down: rate.optional(), up: rate.optional() }),
    ],
    { error: 'expected a rate such as 10Mbit/s, or a map such as {down: 10Mbit/s, up: 2Mbit/s}' },
  )
  .transform(({ down = 0, up = 0 }) => ({ downBytesPerSecond: down, upBytesPerSecond: up }));

const cap = byteSize({ min: '1MiB', max: '1024TiB' });

const share = textAs('a share of the cap, from "1%" to "100%"', (text) => {
  const match = /^(\d{1,3}(?:\.\d)?) ?%$/.exec(text);
  const percent = match ? Number(match[1]) : Number.NaN;
  return percent >= 1 && percent <= 100 ? percent / 100 : undefined;
});

const timeZone = textAs('a time zone by its name, for example "Europe/Berlin" or "UTC"', (text) =>
  isTimeZone(text) ? text : undefined,
);

/** `uplinks[].metered`. */
export const metered = z
  .strictObject({
    rateLimit: rateLimit.optional(),
    daily: cap.optional(),
    monthly: cap.optional(),
    billingDay: count(1, 31).default(1),
    timeZone: timeZone.optional(),
    atCap: z.enum(['backup', 'stop']).default('backup'),
    warnAt: share.prefault('75%'),
  })
  .transform((keys): MeteredSettings => {
    const { rateLimit, daily, monthly, billingDay, timeZone, atCap, warnAt } = keys;
    return {
      rateLimit: rateLimit ?? { downBytesPerSecond: 0, upBytesPerSecond: 0 },
      ...(daily === undefined ? {} : { dailyBytes: daily }),
      ...(monthly === undefined ? {} : { monthlyBytes: monthly }),
      billingDay,
      ...(timeZone === undefined ? {} : { timeZone }),
      atCap,
      warnAtShare: warnAt,
    };
  });

/** Of a plan for which nothing is said: counted, and free to carry what it can. */
export const COUNT_ONLY: MeteredSettings = metered.parse({});
