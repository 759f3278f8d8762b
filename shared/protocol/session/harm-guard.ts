import type { Now } from '../now.ts';
import type { Stream } from '../stream/stream.ts';
import type { Uplink } from '../uplink/uplink.ts';
import type { SessionSubflow } from './sent-item.ts';
import { UnderWay } from './under-way.ts';

export interface GuardTuning {
  /** While there is bulk, this often is looked which uplink a stream stands still for, */
  readonly sampleMs: number;
  /** and so long are the stretches that are judged: many round trips, so that bursts even out. */
  readonly windowMs: number;
  readonly spans: number;
  /** In order must arrive at least this share of what the other uplinks deliver by themselves; their rates are known no better. */
  readonly ratio: number;
  /** An uplink is to blame for standing still only from this share of the time on; healthy ones come to 0 after their start. */
  readonly heldShare: number;
  /** A trial without the uplink: a stretch for what had waited, and two that are judged. */
  readonly trialSpans: number;
  /** What the trial must bring: above the noise of six seconds, below the smallest harm that was to be found. */
  readonly gain: number;
  /** A stream that has sent so much is bulk. */
  readonly bulkBytes: number;
}

export const GUARD_TUNING: GuardTuning = {
  sampleMs: 50,
  windowMs: 2_000,
  spans: 3,
  ratio: 0.95,
  heldShare: 0.1,
  trialSpans: 3,
  gain: 1.03,
  bulkBytes: 512 * 1024,
};

/** What the guard asks of its session. */
export interface GuardedSession {
  readonly subflows: readonly SessionSubflow[];
  readonly uplinks: Iterable<Uplink>;
  readonly streams: Iterable<Stream>;
  onParked(uplink: Uplink, reason: string): void;
  onUnparked(uplink: Uplink, reason: string): void;
  /** What is under way on a subflow goes to the others. */
  surrender(subflow: SessionSubflow): void;
}

/** A stretch of bulk, in bytes per millisecond and shares of time. */
interface Span {
  readonly inOrderRate: number;
  /** What each uplink's subflows deliver when they are kept busy. */
  readonly rates: ReadonlyMap<Uplink, number>;
  /** For how much of the time a stream stood still since its next byte was under way on the uplink. */
  readonly heldShares: ReadonlyMap<Uplink, number>;
}

/** An uplink left out to see whether all goes faster without it. */
interface Trial {
  readonly uplink: Uplink;
  readonly rateBefore: number;
  readonly rates: number[];
}

/** Streams looked at in one sample. */
const MAX_STREAMS = 8;

/**
 * Adding an uplink must not make anything slower. When bulk arrives in order at less than what the other uplinks deliver by
 * themselves, and stands still for what is under way on this one, the uplink is parked: it carries pings, and nothing that
 * anybody waits for. That is a trial at first. If the rate does not rise the uplink goes back to work; if it does, it stays
 * parked and is tried again later, each time later than before.
 */
export class HarmGuard {
  readonly #session: GuardedSession;
  readonly #now: Now;
  readonly #tuning: GuardTuning;
  /** Samples in which a stream stood still for an uplink. */
  #held = new Map<Uplink, number>();
  #spans: Span[] = [];
  #trial: Trial | undefined;
  #samples = 0;
  #bulkSamples = 0;
  #inOrderBytes = 0;
  #nextSampleMs = 0;
  #windowStartMs: number;

  constructor(session: GuardedSession, now: Now, tuning: GuardTuning) {
    this.#session = session;
    this.#now = now;
    this.#tuning = tuning;
    this.#windowStartMs = now.ms;
  }

  /** So many bytes more of a stream are known to have arrived without a hole before them. */
  onInOrder(bytes: number): void {
    this.#inOrderBytes += bytes;
  }

  /** Samples, and judges at the end of each window; cheap in between. */
  check(): void {
    const nowMs = this.#now.ms;
    if (nowMs < this.#nextSampleMs) return;
    this.#nextSampleMs = nowMs + this.#tuning.sampleMs;
    this.#release();
    this.#sample();
    const windowMs = nowMs - this.#windowStartMs;
    if (windowMs < this.#tuning.windowMs) return;
    const span = this.#takeSpan(windowMs);
    this.#windowStartMs = nowMs;
    // Bulk that pauses says nothing of what the uplinks can.
    if (span === undefined) this.#forget();
    else if (this.#trial !== undefined) this.#judgeTrial(this.#trial, span);
    else this.#watch(span);
  }

  /** Those whose time is over, and all when there is nothing else that works. */
  #release(): void {
    const { uplinks, subflows } = this.#session;
    const isAlone = !subflows.some((subflow) => isUsable(subflow) && !subflow.uplink.isParked);
    for (const uplink of uplinks) {
      if (!uplink.isParked || !(isAlone || uplink.parking.isOver)) continue;
      uplink.parking.release();
      this.#onUnparked(uplink, isAlone ? 'nothing else works' : 'tried again');
    }
  }

  #sample(): void {
    this.#samples++;
    let bulk = 0;
    const holders: Uplink[] = [];
    const underWay = new UnderWay(this.#session.subflows);
    for (const stream of this.#session.streams) {
      const { send, spreadsOverAll } = stream;
      // A policy that says where a stream goes has accepted how fast that is.
      if (!spreadsOverAll || send.backlogBytes === 0 || send.sentBytes < this.#tuning.bulkBytes) continue;
      const holder = send.isHeldUp ? holderOf(stream, this.#session.subflows, underWay) : undefined;
      if (holder !== undefined) holders.push(holder);
      if (++bulk >= MAX_STREAMS) break;
    }
    if (bulk > 0) this.#bulkSamples++;
    for (const holder of holders) this.#held.set(holder, (this.#held.get(holder) ?? 0) + 1 / bulk);
  }

  /** The window that ends now; undefined when there was not bulk to be sent all the time. */
  #takeSpan(windowMs: number): Span | undefined {
    const isBusy = this.#bulkSamples >= 0.9 * this.#samples;
    const heldShares = new Map([...this.#held].map(([uplink, samples]) => [uplink, samples / this.#samples]));
    const inOrderRate = this.#inOrderBytes / windowMs;
    this.#samples = 0;
    this.#bulkSamples = 0;
    this.#inOrderBytes = 0;
    this.#held = new Map();
    return isBusy ? { inOrderRate, rates: busyRates(this.#session.subflows), heldShares } : undefined;
  }

  #forget(): void {
    this.#spans = [];
    this.#trial = undefined;
  }

  #watch(span: Span): void {
    const { spans, heldShare: leastHeldShare, ratio } = this.#tuning;
    this.#spans.push(span);
    if (this.#spans.length > spans) this.#spans.shift();
    if (this.#spans.length < spans) return;
    const inOrderRate = mean(this.#spans.map((one) => one.inOrderRate));
    let worst: { uplink: Uplink; heldShare: number; possibleRate: number } | undefined;
    for (const uplink of span.heldShares.keys()) {
      if (uplink.parking.isCleared || !isReplaceable(uplink, this.#session.subflows)) continue;
      const heldShare = mean(this.#spans.map(({ heldShares }) => heldShares.get(uplink) ?? 0));
      const possibleRate = mean(this.#spans.map(({ rates }) => rateWithout(uplink, rates)));
      if (heldShare < leastHeldShare || inOrderRate >= ratio * possibleRate) continue;
      if (heldShare > (worst?.heldShare ?? 0)) worst = { uplink, heldShare, possibleRate };
    }
    if (worst === undefined) return;
    const { uplink, heldShare, possibleRate } = worst;
    const reason =
      `holds up the rest (in-order rate ${megabits(inOrderRate)} of ${megabits(possibleRate)} Mbit/s, ` +
      `waiting for it ${Math.round(heldShare * 100)} % of the time)`;
    this.#park(uplink, reason);
    this.#trial = { uplink, rateBefore: inOrderRate, rates: [] };
  }

  #judgeTrial(trial: Trial, span: Span): void {
    const { uplink, rateBefore, rates } = trial;
    rates.push(span.inOrderRate);
    if (rates.length < this.#tuning.trialSpans) return;
    this.#trial = undefined;
    if (!uplink.isParked) return;
    // In the first span what had waited behind holes came in a rush.
    const rate = mean(rates.slice(1));
    if (rate >= rateBefore * this.#tuning.gain) {
      uplink.parking.confirm();
      return;
    }
    uplink.parking.clear();
    this.#onUnparked(uplink, `no faster without it (${megabits(rate)} after ${megabits(rateBefore)} Mbit/s)`);
  }

  #park(uplink: Uplink, reason: string): void {
    // Until the trial is over, and should the bulk end before.
    uplink.parking.park((this.#tuning.trialSpans + 1) * this.#tuning.windowMs);
    this.#spans = [];
    this.#session.onParked(uplink, reason);
    for (const subflow of this.#session.subflows) {
      if (subflow.uplink === uplink) this.#session.surrender(subflow);
    }
  }

  #onUnparked(uplink: Uplink, reason: string): void {
    this.#spans = [];
    if (this.#trial?.uplink === uplink) this.#trial = undefined;
    this.#session.onUnparked(uplink, reason);
  }
}

/** The uplink that was first given the byte that the stream stands still for. */
function holderOf(
  stream: Stream,
  subflows: readonly SessionSubflow[],
  underWay: UnderWay,
): Uplink | undefined {
  const dsn = stream.send.firstUndelivered(0);
  if (dsn === undefined) return undefined;
  let holder: Uplink | undefined;
  let firstMs = Number.POSITIVE_INFINITY;
  for (const subflow of subflows) {
    const sentMs = underWay.find(stream, dsn, subflow)?.entry.sentMs;
    if (sentMs === undefined || sentMs >= firstMs) continue;
    firstMs = sentMs;
    holder = subflow.uplink;
  }
  return holder;
}

function isUsable({ state, duty }: SessionSubflow): boolean {
  return state === 'active' && duty.value === 'regular';
}

/** Whether another uplink could carry everything. */
function isReplaceable(uplink: Uplink, subflows: readonly SessionSubflow[]): boolean {
  return subflows.some(
    (subflow) => subflow.uplink !== uplink && isUsable(subflow) && !subflow.uplink.isParked,
  );
}

/** Bytes per millisecond of each uplink that is in use, as far as it has shown what it can. */
function busyRates(subflows: readonly SessionSubflow[]): Map<Uplink, number> {
  const rates = new Map<Uplink, number>();
  for (const subflow of subflows) {
    const { uplink, congestion } = subflow;
    if (!isUsable(subflow) || uplink.isParked || !congestion.isProven) continue;
    rates.set(uplink, (rates.get(uplink) ?? 0) + congestion.recentBytesPerSecond / 1000);
  }
  return rates;
}

function rateWithout(uplink: Uplink, rates: ReadonlyMap<Uplink, number>): number {
  let sum = 0;
  for (const [other, rate] of rates) if (other !== uplink) sum += rate;
  return sum;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function megabits(bytesPerMs: number): string {
  return ((bytesPerMs * 8) / 1000).toFixed(1);
}
