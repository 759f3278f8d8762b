import type { Now } from '../now.ts';
import {
  LOSSY_SHARE,
  MAX_SUBFLOWS_HOLD_MS,
  MAX_SUBFLOWS_PER_UPLINK,
  SUBFLOWS_CLEAR_LOSSES,
  SUBFLOWS_GAIN,
  SUBFLOWS_HOLD_MS,
  SUBFLOWS_IDLE_MS,
  SUBFLOWS_REVIEW_SPANS,
  SUBFLOWS_SURPLUS_MS,
  SUBFLOWS_WARM_UP_SPANS,
} from '../tunables.ts';

/** What a sender saw of one uplink in a stretch of time. */
export interface UplinkSpan {
  readonly durationMs: number;
  /** Subflows that are in use on it. */
  readonly subflows: number;
  /** Whether they were full most of the time: more could have been sent. */
  readonly isBusy: boolean;
  /** Whether the path had a standing queue. */
  readonly hasQueue: boolean;
  readonly sentPackets: number;
  readonly retransmittedPackets: number;
  readonly deliveredBytes: number;
}

/**
 * How many subflows one uplink should have where the sender's congestion control takes loss for congestion: the rate of
 * one is bounded by MSS / (RTT x sqrt(loss)), so on a path with random loss several fill what one cannot (MulTCP). Doubles
 * while the uplink is busy, loses, and has no queue; takes back what brought nothing.
 */
export class WantedSubflows {
  readonly #now: Now;
  #count = 1;
  #spans: UplinkSpan[] = [];
  /** What the last doubling must bring, bytes per millisecond. */
  #rateToReach = 0;
  #holdUntilMs = Number.NEGATIVE_INFINITY;
  #holdMs = SUBFLOWS_HOLD_MS;
  #busySpans = 0;
  #surplusMs = 0;
  #idleMs = 0;
  #missingMs = 0;

  constructor(now: Now) {
    this.#now = now;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes the span that has just ended. */
  review(span: UplinkSpan): void {
    if (!span.isBusy) {
      this.#idleMs += span.durationMs;
      if (this.#idleMs >= SUBFLOWS_IDLE_MS) this.#settle(1);
      return;
    }
    this.#idleMs = 0;
    if (span.subflows < this.#count) {
      // They are still being dialled; or the client has its reasons, and it is of no use to insist.
      this.#missingMs += span.durationMs;
      this.#restart();
      if (this.#missingMs >= SUBFLOWS_SURPLUS_MS) this.#lower(Math.max(1, span.subflows));
      return;
    }
    this.#missingMs = 0;
    if (++this.#busySpans <= SUBFLOWS_WARM_UP_SPANS) return;
    this.#spans.push(span);
    if (this.#spans.length > SUBFLOWS_REVIEW_SPANS) this.#spans.shift();
    if (this.#spans.length >= 2) this.#decide(span);
  }

  #decide(last: UplinkSpan): void {
    const rate = sum(this.#spans, 'deliveredBytes') / sum(this.#spans, 'durationMs');
    const losses = sum(this.#spans, 'retransmittedPackets');
    const isWhole = this.#spans.length === SUBFLOWS_REVIEW_SPANS;
    if (rate < this.#rateToReach) {
      // It is given the whole time to show what it brings.
      if (isWhole) this.#lower(Math.floor(this.#count / 2));
      return;
    }
    if (!isWhole && losses < SUBFLOWS_CLEAR_LOSSES) return;
    if (this.#rateToReach > 0) this.#holdMs = SUBFLOWS_HOLD_MS;
    this.#rateToReach = 0;
    const lossShare = sum(this.#spans, 'retransmittedPackets') / Math.max(1, sum(this.#spans, 'sentPackets'));
    const isLossy = lossShare >= LOSSY_SHARE;
    const isSurplus = last.hasQueue || lossShare < LOSSY_SHARE / 2;
    this.#surplusMs = this.#count > 1 && isSurplus ? this.#surplusMs + last.durationMs : 0;
    if (this.#surplusMs >= SUBFLOWS_SURPLUS_MS) {
      this.#lower(Math.floor(this.#count / 2));
      return;
    }
    const mayAdd = this.#count < MAX_SUBFLOWS_PER_UPLINK && this.#now.ms >= this.#holdUntilMs;
    if (!isLossy || !mayAdd || this.#spans.some(({ hasQueue }) => hasQueue)) return;
    if (last.subflows > this.#count) {
      // The other direction has them already; they are of use here, too.
      this.#settle(Math.min(last.subflows, MAX_SUBFLOWS_PER_UPLINK));
      return;
    }
    this.#settle(Math.min(this.#count * 2, MAX_SUBFLOWS_PER_UPLINK));
    this.#rateToReach = rate * SUBFLOWS_GAIN;
  }

  #lower(count: number): void {
    this.#settle(count);
    this.#holdUntilMs = this.#now.ms + this.#holdMs;
    this.#holdMs = Math.min(this.#holdMs * 2, MAX_SUBFLOWS_HOLD_MS);
  }

  #settle(count: number): void {
    this.#count = count;
    this.#rateToReach = 0;
    this.#surplusMs = 0;
    this.#missingMs = 0;
    this.#restart();
  }

  #restart(): void {
    this.#spans = [];
    this.#busySpans = 0;
  }
}

function sum(
  spans: readonly UplinkSpan[],
  key: 'durationMs' | 'sentPackets' | 'retransmittedPackets' | 'deliveredBytes',
): number {
  return spans.reduce((total, span) => total + span[key], 0);
}
