import type { Now } from '../now.ts';

/** Most subflows of one uplink: CUBIC on 30 Mbit/s, 60 ms, 1 % loss gave 2.3 Mbit/s with one, 23 with twelve. */
export const MAX_SUBFLOWS_PER_UPLINK = 8;

export interface WantedSubflowsTuning {
  /** So many of the last spans are judged together: 3 s, a handful of losses at 2 Mbit/s and 0.5 %. */
  readonly reviewSpans: number;
  /** The first spans with another number say nothing: slow start. */
  readonly warmUpSpans: number;
  /** Behind them two are enough if they show this many losses. */
  readonly clearLosses: number;
  /** From this share of segments on, loss and not the path bounds CUBIC on the paths of homes and radios. */
  readonly lossyShare: number;
  /** Twice the subflows must bring this much more rate, or the new ones go again: the loss is the path's own being full. */
  readonly gain: number;
  /** A number that was too high is tried again after so long, doubled each time: chance may have judged, */
  readonly holdMs: number;
  /** up to this. */
  readonly maxHoldMs: number;
  /** Half of them go after so long with a standing queue or hardly any loss, */
  readonly surplusMs: number;
  /** all but one after so long without use. */
  readonly idleMs: number;
}

export const WANTED_SUBFLOWS_TUNING: WantedSubflowsTuning = {
  reviewSpans: 6,
  warmUpSpans: 2,
  clearLosses: 3,
  lossyShare: 0.002,
  gain: 1.15,
  holdMs: 5_000,
  maxHoldMs: 60_000,
  surplusMs: 10_000,
  idleMs: 30_000,
};

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
  readonly #tuning: WantedSubflowsTuning;
  #count = 1;
  #spans: UplinkSpan[] = [];
  /** What the last doubling must bring, bytes per millisecond. */
  #rateToReach = 0;
  #holdUntilMs = Number.NEGATIVE_INFINITY;
  #holdMs: number;
  #busySpans = 0;
  #surplusMs = 0;
  #idleMs = 0;
  #missingMs = 0;

  constructor(now: Now, tuning: WantedSubflowsTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#holdMs = tuning.holdMs;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes the span that has just ended. */
  review(span: UplinkSpan): void {
    if (!span.isBusy) {
      this.#idleMs += span.durationMs;
      if (this.#idleMs >= this.#tuning.idleMs) this.#settle(1);
      return;
    }
    this.#idleMs = 0;
    if (span.subflows < this.#count) {
      // They are still being dialled; or the client has its reasons, and it is of no use to insist.
      this.#missingMs += span.durationMs;
      this.#restart();
      if (this.#missingMs >= this.#tuning.surplusMs) this.#lower(Math.max(1, span.subflows));
      return;
    }
    this.#missingMs = 0;
    if (++this.#busySpans <= this.#tuning.warmUpSpans) return;
    this.#spans.push(span);
    if (this.#spans.length > this.#tuning.reviewSpans) this.#spans.shift();
    if (this.#spans.length >= 2) this.#decide(span);
  }

  #decide(last: UplinkSpan): void {
    const rate = sum(this.#spans, 'deliveredBytes') / sum(this.#spans, 'durationMs');
    const losses = sum(this.#spans, 'retransmittedPackets');
    const isWhole = this.#spans.length === this.#tuning.reviewSpans;
    if (rate < this.#rateToReach) {
      // It is given the whole time to show what it brings.
      if (isWhole) this.#lower(Math.floor(this.#count / 2));
      return;
    }
    if (!isWhole && losses < this.#tuning.clearLosses) return;
    if (this.#rateToReach > 0) this.#holdMs = this.#tuning.holdMs;
    this.#rateToReach = 0;
    const lossShare = sum(this.#spans, 'retransmittedPackets') / Math.max(1, sum(this.#spans, 'sentPackets'));
    const isLossy = lossShare >= this.#tuning.lossyShare;
    const isSurplus = last.hasQueue || lossShare < this.#tuning.lossyShare / 2;
    this.#surplusMs = this.#count > 1 && isSurplus ? this.#surplusMs + last.durationMs : 0;
    if (this.#surplusMs >= this.#tuning.surplusMs) {
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
    this.#rateToReach = rate * this.#tuning.gain;
  }

  #lower(count: number): void {
    this.#settle(count);
    this.#holdUntilMs = this.#now.ms + this.#holdMs;
    this.#holdMs = Math.min(this.#holdMs * 2, this.#tuning.maxHoldMs);
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
