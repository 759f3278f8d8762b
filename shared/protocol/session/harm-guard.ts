import type { Now } from '../now.ts';
import type { SendStream } from '../stream/send-stream.ts';
import type { Subflow } from '../subflow/subflow.ts';
import {
  GUARD_GAIN,
  GUARD_HELD_SHARE,
  GUARD_RATIO,
  GUARD_SAMPLE_MS,
  GUARD_SPANS,
  GUARD_TRIAL_SPANS,
  GUARD_WINDOW_MS,
  MAX_PARK_MS,
  MIN_PARK_MS,
  PARK_MEMORY_MS,
  PROBE_AFTER_BYTES,
} from '../tunables.ts';
import type { SessionEvent } from './events.ts';
import { carrierOf } from './reinjection.ts';
import type { Stream } from './stream.ts';

/** What the guard asks of its session. */
export interface GuardedSession {
  emit(event: SessionEvent): void;
  /** What is under way on a subflow goes to the others. */
  surrender(subflow: Subflow): void;
}

/** GUARD_WINDOW_MS of bulk, in bytes per millisecond and shares of time. */
interface Span {
  readonly inOrderRate: number;
  /** What each uplink's subflows deliver when they are kept busy. */
  readonly rates: ReadonlyMap<string, number>;
  /** For how much of the time a stream stood still since its next byte was under way on the uplink. */
  readonly heldShares: ReadonlyMap<string, number>;
}

interface Parked {
  untilMs: number;
  readonly parkMs: number;
}

/** An uplink left out to see whether all goes faster without it. */
interface Trial {
  readonly uplinkName: string;
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
  readonly #now: Now;
  readonly #session: GuardedSession;
  readonly #parked = new Map<string, Parked>();
  /** When an uplink was last let go, and for how long it is parked if it comes to that again soon. */
  readonly #history = new Map<string, { readonly sinceMs: number; readonly parkMs: number }>();
  /** Uplinks whose trial has shown no harm are left alone until then. */
  readonly #cleared = new Map<string, number>();
  readonly #held = new Map<string, number>();
  #spans: Span[] = [];
  #trial: Trial | undefined;
  #samples = 0;
  #bulkSamples = 0;
  #inOrderBytes = 0;
  #nextSampleMs = 0;
  #windowStartMs: number;

  constructor(session: GuardedSession, now: Now) {
    this.#now = now;
    this.#session = session;
    this.#windowStartMs = this.#now.ms;
  }

  /** So many bytes more of a stream are known to have arrived without a hole before them. */
  onInOrder(bytes: number): void {
    this.#inOrderBytes += bytes;
  }

  /** Samples, and judges at the end of each window; cheap in between. */
  check(subflows: readonly Subflow[], streams: Iterable<Stream>): void {
    if (this.#now.ms < this.#nextSampleMs) return;
    this.#nextSampleMs = this.#now.ms + GUARD_SAMPLE_MS;
    this.#release(subflows);
    for (const subflow of subflows) subflow.isParked = this.#parked.has(subflow.uplinkName);
    this.#sample(subflows, streams);
    const windowMs = this.#now.ms - this.#windowStartMs;
    if (windowMs < GUARD_WINDOW_MS) return;
    const span = this.#takeSpan(subflows, windowMs);
    this.#windowStartMs = this.#now.ms;
    this.#forgive();
    // Bulk that pauses says nothing of what the uplinks can.
    if (span === undefined) this.#forget();
    else if (this.#trial !== undefined) this.#judgeTrial(this.#trial, span, subflows);
    else this.#watch(span, subflows);
  }

  /** Those whose time is over, and all when there is nothing else that works. */
  #release(subflows: readonly Subflow[]): void {
    if (this.#parked.size === 0) return;
    const isAlone = !subflows.some((subflow) => isUsable(subflow) && !this.#parked.has(subflow.uplinkName));
    for (const [uplinkName, { untilMs, parkMs }] of this.#parked) {
      if (!isAlone && this.#now.ms < untilMs) continue;
      this.#history.set(uplinkName, { sinceMs: this.#now.ms, parkMs: Math.min(parkMs * 2, MAX_PARK_MS) });
      this.#unpark(uplinkName, isAlone ? 'nothing else works' : 'tried again');
    }
  }

  /** What was long ago no longer counts. */
  #forgive(): void {
    for (const [name, { sinceMs }] of this.#history) {
      if (this.#now.ms - sinceMs >= PARK_MEMORY_MS) this.#history.delete(name);
    }
    for (const [name, untilMs] of this.#cleared) if (this.#now.ms >= untilMs) this.#cleared.delete(name);
  }

  #sample(subflows: readonly Subflow[], streams: Iterable<Stream>): void {
    this.#samples++;
    let bulk = 0;
    const holders: string[] = [];
    for (const { send, isSteered } of streams) {
      // Who says where a stream goes has accepted how fast that is.
      if (isSteered || send.backlogBytes === 0 || send.sentBytes < PROBE_AFTER_BYTES) continue;
      const holder = send.isHeldUp ? holderOf(send, subflows) : undefined;
      if (holder !== undefined) holders.push(holder);
      if (++bulk >= MAX_STREAMS) break;
    }
    if (bulk > 0) this.#bulkSamples++;
    for (const holder of holders) this.#held.set(holder, (this.#held.get(holder) ?? 0) + 1 / bulk);
  }

  /** The window that ends now; undefined when there was not bulk to be sent all the time. */
  #takeSpan(subflows: readonly Subflow[], windowMs: number): Span | undefined {
    const isBusy = this.#bulkSamples >= 0.9 * this.#samples;
    const heldShares = new Map([...this.#held].map(([name, samples]) => [name, samples / this.#samples]));
    const inOrderRate = this.#inOrderBytes / windowMs;
    this.#samples = 0;
    this.#bulkSamples = 0;
    this.#inOrderBytes = 0;
    this.#held.clear();
    return isBusy ? { inOrderRate, rates: busyRates(subflows), heldShares } : undefined;
  }

  #forget(): void {
    this.#spans = [];
    this.#trial = undefined;
  }

  #watch(span: Span, subflows: readonly Subflow[]): void {
    this.#spans.push(span);
    if (this.#spans.length > GUARD_SPANS) this.#spans.shift();
    if (this.#spans.length < GUARD_SPANS) return;
    const inOrderRate = mean(this.#spans.map((one) => one.inOrderRate));
    let worst: { uplinkName: string; heldShare: number; possibleRate: number } | undefined;
    for (const uplinkName of span.heldShares.keys()) {
      if (this.#cleared.has(uplinkName) || !isReplaceable(uplinkName, subflows)) continue;
      const heldShare = mean(this.#spans.map(({ heldShares }) => heldShares.get(uplinkName) ?? 0));
      const possibleRate = mean(this.#spans.map(({ rates }) => rateWithout(uplinkName, rates)));
      if (heldShare < GUARD_HELD_SHARE || inOrderRate >= GUARD_RATIO * possibleRate) continue;
      if (heldShare > (worst?.heldShare ?? 0)) worst = { uplinkName, heldShare, possibleRate };
    }
    if (worst === undefined) return;
    const { uplinkName, heldShare, possibleRate } = worst;
    this.#park(
      uplinkName,
      `holds up the rest (in-order rate ${megabits(inOrderRate)} of ${megabits(possibleRate)} Mbit/s, ` +
        `waiting for it ${Math.round(heldShare * 100)} % of the time)`,
      subflows,
    );
    this.#trial = { uplinkName, rateBefore: inOrderRate, rates: [] };
  }

  #judgeTrial(trial: Trial, span: Span, subflows: readonly Subflow[]): void {
    const { uplinkName, rateBefore, rates } = trial;
    rates.push(span.inOrderRate);
    if (rates.length < GUARD_TRIAL_SPANS) return;
    this.#trial = undefined;
    // In the first span what had waited behind holes came in a rush.
    const rate = mean(rates.slice(1));
    const parked = this.#parked.get(uplinkName);
    if (parked === undefined) return;
    if (rate >= rateBefore * GUARD_GAIN) {
      parked.untilMs = this.#now.ms + parked.parkMs;
      return;
    }
    this.#cleared.set(uplinkName, this.#now.ms + MAX_PARK_MS);
    this.#unpark(uplinkName, `no faster without it (${megabits(rate)} after ${megabits(rateBefore)} Mbit/s)`);
    for (const subflow of subflows) if (subflow.uplinkName === uplinkName) subflow.isParked = false;
  }

  #park(uplinkName: string, reason: string, subflows: readonly Subflow[]): void {
    const parkMs = this.#history.get(uplinkName)?.parkMs ?? MIN_PARK_MS;
    // Until the trial is over, and should the bulk end before.
    const untilMs = this.#now.ms + Math.max(parkMs, (GUARD_TRIAL_SPANS + 1) * GUARD_WINDOW_MS);
    this.#parked.set(uplinkName, { untilMs, parkMs });
    this.#spans = [];
    this.#session.emit({ type: 'uplink-parked', uplinkName, reason });
    for (const subflow of subflows) {
      if (subflow.uplinkName !== uplinkName) continue;
      subflow.isParked = true;
      this.#session.surrender(subflow);
    }
  }

  #unpark(uplinkName: string, reason: string): void {
    this.#parked.delete(uplinkName);
    this.#spans = [];
    if (this.#trial?.uplinkName === uplinkName) this.#trial = undefined;
    this.#session.emit({ type: 'uplink-unparked', uplinkName, reason });
  }
}

/** The uplink that was first given the byte that the stream stands still for. */
function holderOf(send: SendStream, subflows: readonly Subflow[]): string | undefined {
  const dsn = send.firstUndelivered(0);
  if (dsn === undefined) return undefined;
  let first: { uplinkName: string; sentMs: number } | undefined;
  for (const subflow of subflows) {
    const sentMs = carrierOf(send, dsn, subflow)?.entry.sentMs;
    if (sentMs === undefined || sentMs >= (first?.sentMs ?? Number.POSITIVE_INFINITY)) continue;
    first = { uplinkName: subflow.uplinkName, sentMs };
  }
  return first?.uplinkName;
}

function isUsable({ state, isBackup, isRetiring }: Subflow): boolean {
  return state === 'active' && !isBackup && !isRetiring;
}

/** Whether another uplink could carry everything. */
function isReplaceable(uplinkName: string, subflows: readonly Subflow[]): boolean {
  return subflows.some(
    (subflow) => subflow.uplinkName !== uplinkName && isUsable(subflow) && !subflow.isParked,
  );
}

/** Bytes per millisecond of each uplink that is in use, as far as it has shown what it can. */
function busyRates(subflows: readonly Subflow[]): Map<string, number> {
  const rates = new Map<string, number>();
  for (const subflow of subflows) {
    if (!isUsable(subflow) || subflow.isParked || !subflow.rate.isProven) continue;
    const { uplinkName, rate } = subflow;
    rates.set(uplinkName, (rates.get(uplinkName) ?? 0) + rate.recentBytesPerSecond / 1000);
  }
  return rates;
}

function rateWithout(uplinkName: string, rates: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [name, rate] of rates) if (name !== uplinkName) sum += rate;
  return sum;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function megabits(bytesPerMs: number): string {
  return ((bytesPerMs * 8) / 1000).toFixed(1);
}
