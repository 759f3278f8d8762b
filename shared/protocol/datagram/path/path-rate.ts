import type { Now } from '../../now.ts';
import { WindowedMaximum } from '../../subflow/windowed-maximum.ts';
import { FasterSpans, type FasterSpansTuning } from './faster-spans.ts';

export interface PathRateTuning {
  /** A rate is measured over so long, */
  readonly spanMs: number;
  /** and over so many packets, if it is to tell what the path can carry: the times of a few say nothing. */
  readonly spanPackets: number;
  /** and so many bytes, or so long: an event loop that was late for once looks like a limit for some packets. */
  readonly leastLimitBytes: number;
  readonly mostSpanMs: number;
  /** Packets that arrive over this multiple of the time in which they were sent have met the path's limit, */
  readonly stretch: number;
  /** where the round trip is longer than the smallest by this. */
  readonly queueMs: number;
  /** Those that arrive in less time than they were sent in have met a faster one, by as much, at most by this ratio (times are not exact), */
  readonly mostShortened: number;
  /** if that shows again and again. */
  readonly faster: FasterSpansTuning;
  /** So have those of which more than this share is lost. */
  readonly lossShare: number;
  /** A limit that was not met for so long is no limit. */
  readonly limitMs: number;
  /** Meanwhile the path may carry more than its limit, by this share for each second. */
  readonly growthPerSecond: number;
  /** What a path has carried says for so long that it can carry it. */
  readonly carriedMs: number;
  /** One that never met its limit is believed to carry this multiple of it, */
  readonly trustRatio: number;
  /** and at least so much in a round trip: twice what TCP begins with (RFC 6928). */
  readonly firstBytes: number;
}

export const PATH_RATE_TUNING: PathRateTuning = {
  spanMs: 40,
  spanPackets: 16,
  leastLimitBytes: 16 * 1024,
  mostSpanMs: 400,
  stretch: 1.15,
  queueMs: 5,
  mostShortened: 4,
  faster: { spans: 32, runs: 5 },
  lossShare: 0.1,
  limitMs: 10_000,
  growthPerSecond: 0.05,
  carriedMs: 10_000,
  trustRatio: 2,
  firstBytes: 32 * 1024,
};

interface Point {
  readonly sentMs: number;
  readonly arrivedMs: number;
  readonly counter: number;
  readonly packets: number;
  readonly bytes: number;
}

/**
 * What one path carries: from the times at which the newest confirmed packets were sent and have arrived. Packets that arrive
 * further apart than they were sent have met the limit of the path (packet dispersion).
 */
export class PathRate {
  readonly #now: Now;
  readonly #tuning: PathRateTuning;
  readonly #carried: WindowedMaximum;
  readonly #faster: FasterSpans;
  #packets = 0;
  #bytes = 0;
  #from: Point | undefined;
  #latest = 0;
  #limit = 0;
  #limitMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: PathRateTuning = PATH_RATE_TUNING) {
    this.#now = now;
    this.#tuning = tuning;
    this.#carried = new WindowedMaximum(now);
    this.#faster = new FasterSpans(tuning.faster);
  }

  /** What was delivered in the last span, bytes per second. */
  get deliveredBytesPerSecond(): number {
    return this.#latest;
  }

  /** Whether it has met its limit of late. */
  get isLimited(): boolean {
    return this.#now.ms - this.#limitMs < this.#tuning.limitMs;
  }

  /** What it is believed to carry. @param otherwise what else is known of it, bytes per second; 0: nothing */
  bytesPerSecond(rttMs: number, otherwise: number): number {
    const { growthPerSecond, trustRatio, firstBytes } = this.#tuning;
    if (this.isLimited) return this.#limit * (1 + ((this.#now.ms - this.#limitMs) / 1000) * growthPerSecond);
    const first = (firstBytes * 1000) / Math.max(rttMs, 1);
    return Math.max(trustRatio * this.#carried.value, first, otherwise);
  }

  onConfirmed(bytes: number): void {
    this.#packets++;
    this.#bytes += bytes;
  }

  /** The newest packet that has arrived. @param queueMs what its round trip is longer than the smallest */
  onNewest(counter: number, sentMs: number, arrivedMs: number, queueMs: number): void {
    const from = this.#from;
    const here = { sentMs, arrivedMs, counter, packets: this.#packets, bytes: this.#bytes };
    if (from === undefined || sentMs - from.sentMs > IDLE_MS) {
      this.#from = here;
      return;
    }
    const arrivingMs = arrivedMs - from.arrivedMs;
    const sendingMs = sentMs - from.sentMs;
    const spanMs = Math.max(sendingMs, arrivingMs);
    if (spanMs < this.#tuning.spanMs) return;
    const span = { ms: spanMs, packets: here.packets - from.packets, bytes: here.bytes - from.bytes };
    const isStretched = queueMs > this.#tuning.queueMs && arrivingMs > sendingMs * this.#tuning.stretch;
    const isLimit = isStretched || span.packets < (counter - from.counter) * (1 - this.#tuning.lossShare);
    if (isLimit && !this.#isTelling(span)) return;
    this.#from = here;
    this.#latest = (span.bytes * 1000) / spanMs;
    this.#judge(this.#latest, isLimit && counter - from.counter >= this.#tuning.spanPackets);
    // Jitter stretches some spans and shortens others; no limit lets packets arrive faster than it is.
    const shortMs = Math.max(arrivingMs, sendingMs / this.#tuning.mostShortened);
    this.#faster.add(shortMs < sendingMs ? (span.bytes * 1000) / shortMs : 0);
    this.#limit = Math.max(this.#limit, this.#faster.bytesPerSecond);
  }

  /** Whether a limit that shows in it is one. */
  #isTelling({ ms, bytes }: { readonly ms: number; readonly bytes: number }): boolean {
    return bytes >= this.#tuning.leastLimitBytes || ms >= this.#tuning.mostSpanMs;
  }

  #judge(rate: number, isLimit: boolean): void {
    if (isLimit) {
      this.#limit = this.isLimited ? this.#limit + (rate - this.#limit) * LIMIT_SHARE : rate;
      this.#limitMs = this.#now.ms;
      return;
    }
    this.#carried.add(rate, this.#tuning.carriedMs);
    this.#limit = Math.max(this.#limit, rate);
  }
}

/** Of the last span in a limit that is met again and again. */
const LIMIT_SHARE = 0.25;
/** Packets that are further apart say nothing of a rate. */
const IDLE_MS = 1_000;
