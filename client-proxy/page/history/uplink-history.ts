import type { UplinkTraffic } from '../../../shared/runtime/session/uplink-traffic.ts';
import { RateSeries, type UplinkRate } from './rate-series.ts';

/** An hour of seconds. */
const MAX_SECONDS = 3_600;
/** A day of minutes. */
const MAX_MINUTES = 1_440;
const MINUTE_MS = 60_000;
/** What an uplink alone can do is the most that it has done in so many seconds. */
const PEAK_SECONDS = 30;
/** The program stood still: what was counted since belongs to no second. */
const MAX_GAP_MS = 10_000;
/**
 * A machine without a clock of its own begins in the past, until a time server is asked: minutes that seem to lie in the future are
 * kept for so many samples, a quarter of an hour.
 */
const MAX_SAMPLES_BEHIND = 900;

/** What each uplink has carried in each second of the last hour and each minute of the last day. As many uplinks as the tables of traffic have. */
export class UplinkHistory {
  readonly seconds = new RateSeries(MAX_SECONDS);
  readonly minutes = new RateSeries(MAX_MINUTES);
  #totals: ReadonlyMap<string, UplinkTraffic> = new Map();
  /** By a clock that nobody sets. */
  #addedMs: number | undefined;
  #samplesBehind = 0;

  /**
   * Adds what was carried since the last call.
   * @param nowMs since 1970, for the labels
   * @param monotonicMs the same by a clock that nobody sets, for the rates
   * @param totals bytes since the program began; an uplink may be named several times
   * @returns what each uplink has carried since the last call
   */
  add(
    nowMs: number,
    monotonicMs: number,
    totals: Iterable<readonly [name: string, traffic: UplinkTraffic]>,
  ): ReadonlyMap<string, UplinkTraffic> {
    const elapsedMs = monotonicMs - (this.#addedMs ?? monotonicMs);
    this.#addedMs = monotonicMs;
    const now = summed(totals);
    const carried = new Map([...now].map(([name, total]) => [name, since(this.#totals.get(name), total)]));
    this.#totals = now;
    // Times ascend, also where the clock was set to that of the sample before.
    this.seconds.forgetAfter(elapsedMs > 0 ? nowMs - 1 : nowMs);
    if (elapsedMs > 0) {
      const perSecond = elapsedMs > MAX_GAP_MS ? 0 : 8_000 / elapsedMs;
      const rates = [...carried].map(([name, { sentBytes, receivedBytes }]): [string, UplinkRate] => [
        name,
        { down: receivedBytes * perSecond, up: sentBytes * perSecond },
      ]);
      this.seconds.add(nowMs, rates);
    }
    this.#addMinutes(nowMs);
    return carried;
  }

  /** Whether the clock stands before what is kept. */
  get isClockBehind(): boolean {
    return this.#samplesBehind > 0;
  }

  /** When the last second ended; 0 while there is none. */
  get lastMs(): number {
    return this.seconds.lastMs;
  }

  /** What an uplink carried in the last second. */
  rateOf(name: string): UplinkRate {
    return this.seconds.peakOf(name, 1);
  }

  /** The most that an uplink carried in one of the last seconds, each direction by itself. */
  peakOf(name: string): UplinkRate {
    return this.seconds.peakOf(name, PEAK_SECONDS);
  }

  /** Each minute that is over, as the mean of its seconds; those that the program before had not come to as well. */
  #addMinutes(nowMs: number): void {
    const { seconds, minutes } = this;
    this.#samplesBehind = minutes.lastMs > nowMs ? this.#samplesBehind + 1 : 0;
    if (this.#samplesBehind > MAX_SAMPLES_BEHIND) minutes.forgetAfter(nowMs);
    for (;;) {
      const firstMs = seconds.firstAfter(minutes.lastMs);
      if (firstMs === undefined) return;
      const endMs = Math.ceil(firstMs / MINUTE_MS) * MINUTE_MS;
      if (endMs > nowMs) return;
      minutes.add(endMs, seconds.meanBetween(endMs - MINUTE_MS, endMs, MAX_GAP_MS));
    }
  }
}

function summed(totals: Iterable<readonly [string, UplinkTraffic]>): Map<string, UplinkTraffic> {
  const sums = new Map<string, UplinkTraffic>();
  for (const [name, { sentBytes, receivedBytes }] of totals) {
    const sum = sums.get(name) ?? { sentBytes: 0, receivedBytes: 0 };
    sums.set(name, {
      sentBytes: sum.sentBytes + sentBytes,
      receivedBytes: sum.receivedBytes + receivedBytes,
    });
  }
  return sums;
}

function since(before: UplinkTraffic | undefined, now: UplinkTraffic): UplinkTraffic {
  const { sentBytes = 0, receivedBytes = 0 } = before ?? {};
  return { sentBytes: now.sentBytes - sentBytes, receivedBytes: now.receivedBytes - receivedBytes };
}
