import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import * as z from 'zod';
import type { StateFormat } from '../../../shared/runtime/files/state-file.ts';
import { CONCENTRATOR_EVENTS } from '../../concentrators/concentrator-event.ts';
import { UPLINK_STATES } from '../../path-manager/uplink-status.ts';
import { type ConcentratorChange, MAX_CONCENTRATOR_CHANGES } from './concentrator-changes.ts';
import type { HistoryReport } from './rate-series.ts';
import { MAX_CHANGES, type StateChange } from './state-changes.ts';
import type { NamedDays } from './usage-days.ts';

/*
 * The file, compressed as gzip does it, whose check finds damage:
 *
 *   bytes   0 to 7   "tribhist"
 *           8 to 11  length of the head, little endian as all numbers here
 *          12 ...    the head as JSON: the version, names, days, changes, and how many samples follow
 *             ...    the seconds, then the minutes, each: when each sample ended, as 32-bit milliseconds since the one before; then for each
 *                    uplink of the head the rates down, then those up, 16 bits each (`rateCode`)
 *
 * With 16 uplinks that is 345 kB and the head before it is compressed; with 3 that are busy about 45 kB are written.
 */
const MAGIC = Buffer.from('tribhist');
const MAX_HEAD_BYTES = 256 * 1024;
/** What the file is made of, at most. */
const MAX_PLAIN_BYTES = 1024 * 1024;
/** More than all uplinks at a time. */
export const MAX_KEPT_UPLINKS = 16;
/** This day, and the month before it. */
export const MAX_KEPT_DAYS = 32;
const MAX_SAMPLES = 3_600;
const MAX_NAME_LENGTH = 128;
/** A cause in words; longer ones are cut. */
const MAX_REASON_LENGTH = 300;

const name = z.string().max(MAX_NAME_LENGTH);
const instant = z.int().min(0);
const bytes = z.number().min(0);
const series = z.strictObject({ firstMs: instant, samples: z.int().min(0).max(MAX_SAMPLES) });
const HEAD = z.strictObject({
  version: z.literal(1),
  uplinks: z.array(name).max(MAX_KEPT_UPLINKS),
  seconds: series,
  minutes: series,
  days: z
    .array(
      z.strictObject({
        name,
        days: z
          .array(z.strictObject({ startMs: instant, sentBytes: bytes, receivedBytes: bytes }))
          .max(MAX_KEPT_DAYS),
      }),
    )
    .max(2 * MAX_KEPT_UPLINKS),
  changes: z
    .array(
      z.strictObject({
        atMs: instant,
        uplink: name,
        state: z.enum(UPLINK_STATES),
        cause: z.string().max(MAX_NAME_LENGTH),
        reason: z.string().max(MAX_REASON_LENGTH),
        lost: z.int().min(0),
        lostBefore: z.int().min(0),
        before: z.enum(UPLINK_STATES).nullable(),
      }),
    )
    .max(MAX_CHANGES),
  // Absent where nothing has happened to several concentrators: earlier versions read the file then.
  concentratorChanges: z
    .array(
      z.strictObject({
        atMs: instant,
        concentrator: name,
        kind: z.enum(CONCENTRATOR_EVENTS),
        reason: z.string().max(MAX_REASON_LENGTH),
      }),
    )
    .max(MAX_CONCENTRATOR_CHANGES)
    .optional(),
});
type SeriesHead = z.infer<typeof series>;

/** What is kept of the page over a restart. */
export interface KeptHistory {
  /** Each no longer than the time in which a 32-bit number of milliseconds runs over, 49 days. */
  readonly seconds: HistoryReport;
  readonly minutes: HistoryReport;
  readonly days: readonly NamedDays[];
  readonly changes: readonly StateChange[];
  readonly concentratorChanges: readonly ConcentratorChange[];
}

export const HISTORY_FORMAT: StateFormat<KeptHistory> = {
  encode: (history) => promisify(gzip)(encodePlain(history)),
  decode: async (file) => {
    const plain = await promisify(gunzip)(file, { maxOutputLength: MAX_PLAIN_BYTES }).catch(() => undefined);
    return plain === undefined ? undefined : decodePlain(plain);
  },
};

function encodePlain({ seconds, minutes, days, changes, concentratorChanges }: KeptHistory): Buffer {
  const uplinks = busiest(seconds, minutes);
  const head = {
    version: 1,
    uplinks,
    seconds: seriesOf(seconds),
    minutes: seriesOf(minutes),
    days: days.filter(({ name }) => name.length <= MAX_NAME_LENGTH),
    changes: changes.map(withShortReason),
    ...(concentratorChanges.length === 0
      ? {}
      : { concentratorChanges: concentratorChanges.map(withShortReason).map(asEarlierVersionsHaveIt) }),
  };
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([MAGIC, length, text, encodeSeries(seconds, uplinks), encodeSeries(minutes, uplinks)]);
}

function withShortReason<Change extends { readonly reason: string }>(change: Change): Change {
  return { ...change, reason: change.reason.slice(0, MAX_REASON_LENGTH) };
}

/** Versions before 'draining' refuse the whole file for a kind or a key that they do not know. The reason says the rest. */
function asEarlierVersionsHaveIt(change: ConcentratorChange): ConcentratorChange {
  return change.kind === 'draining' ? { ...change, kind: 'lost' } : change;
}

function decodePlain(plain: Buffer): KeptHistory | undefined {
  if (!plain.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const headAt = MAGIC.length + 4;
  const headBytes = plain.length < headAt ? 0 : plain.readUInt32LE(MAGIC.length);
  if (headBytes > MAX_HEAD_BYTES) return undefined;
  const head = HEAD.safeParse(jsonOf(plain.toString('utf8', headAt, headAt + headBytes))).data;
  if (head === undefined) return undefined;
  const { uplinks, days, changes, concentratorChanges = [] } = head;
  const secondsAt = headAt + headBytes;
  const minutesAt = secondsAt + seriesBytes(head.seconds, uplinks);
  if (plain.length !== minutesAt + seriesBytes(head.minutes, uplinks)) return undefined;
  return {
    ...{ days, changes, concentratorChanges },
    seconds: decodeSeries(plain.subarray(secondsAt), head.seconds, uplinks),
    minutes: decodeSeries(plain.subarray(minutesAt), head.minutes, uplinks),
  };
}

/** The names of those that are kept: where there are more than may be, those that carried most. */
function busiest(...all: readonly HistoryReport[]): string[] {
  const sums = new Map<string, number>();
  const sumOf = (rates: readonly number[]) => rates.reduce((sum, rate) => sum + rate, 0);
  for (const { uplinks } of all)
    for (const { name, down, up } of uplinks) sums.set(name, (sums.get(name) ?? 0) + sumOf(down) + sumOf(up));
  const names = [...sums].filter(([name, sum]) => sum > 0 && name.length <= MAX_NAME_LENGTH);
  names.sort(([, one], [, other]) => other - one);
  return names.slice(0, MAX_KEPT_UPLINKS).map(([name]) => name);
}

function seriesOf({ times }: HistoryReport): SeriesHead {
  return { firstMs: times[0] ?? 0, samples: times.length };
}

function seriesBytes({ samples }: SeriesHead, uplinks: readonly string[]): number {
  return samples * (4 + 4 * uplinks.length);
}

function encodeSeries(report: HistoryReport, uplinks: readonly string[]): Buffer {
  const { times } = report;
  const encoded = Buffer.alloc(seriesBytes(seriesOf(report), uplinks));
  let at = 0;
  times.forEach((ms, i) => {
    at = encoded.writeUInt32LE(ms - (times[i - 1] ?? ms), at);
  });
  for (const name of uplinks) {
    const track = report.uplinks.find((one) => one.name === name);
    for (const rates of [track?.down, track?.up])
      for (let i = 0; i < times.length; i += 1) at = encoded.writeUInt16LE(rateCode(rates?.[i] ?? 0), at);
  }
  return encoded;
}

function decodeSeries(
  encoded: Buffer,
  { firstMs, samples }: SeriesHead,
  uplinks: readonly string[],
): HistoryReport {
  let at = 0;
  let ms = firstMs;
  const times = Array.from({ length: samples }, () => {
    ms += encoded.readUInt32LE(at);
    at += 4;
    return ms;
  });
  const rates = () =>
    Array.from({ length: samples }, () => {
      const rate = rateOf(encoded.readUInt16LE(at));
      at += 2;
      return rate;
    });
  return { times, uplinks: uplinks.map((name) => ({ name, down: rates(), up: rates() })) };
}

/** Steps of a rate that is twice as high: 0.034 % apart, up to 34 Gbit/s. */
const STEPS_PER_OCTAVE = 2_048;

/** A rate on a logarithmic scale, since what matters of it is a share. */
function rateCode(bitsPerSecond: number): number {
  return Math.min(0xffff, Math.round(STEPS_PER_OCTAVE * Math.log2(1 + bitsPerSecond / 8)));
}

function rateOf(code: number): number {
  return Math.round((2 ** (code / STEPS_PER_OCTAVE) - 1) * 8);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
