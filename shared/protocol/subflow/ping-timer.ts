import type { Now } from '../now.ts';
import { ArrivalWatch } from './arrival-watch.ts';
import type { PauseTuning } from './pause-detector.ts';

export interface PingTuning {
  /** An idle subflow is asked for a receipt this often, so that its death is noticed before it is needed. */
  readonly intervalMs: number;
  /** One that costs by the byte, so seldom: a second's pings are 20 MB a day and direction. Within what any NAT remembers. */
  readonly meteredIntervalMs: number;
  /** A degraded one is asked this often how long its round trip is: once in each span of `rtt.recentSpanMs`. */
  readonly degradedIntervalMs: number;
  /**
   * One that has brought so much without a break of `hushMs`, and then nothing for as long, is asked once: either its sender is done,
   * or what it sends is lost, and what this end has sent was answered before.
   */
  readonly hushMs: number;
  readonly bulkBytes: number;
  /** A question that is due within so long is asked along with another, ours or the peer's: each wakes both machines. */
  readonly togetherMs: number;
}

export const PING_TUNING: PingTuning = {
  intervalMs: 1_000,
  meteredIntervalMs: 15_000,
  degradedIntervalMs: 250,
  hushMs: 150,
  bulkBytes: 64 * 1024,
  togetherMs: 500,
};

/** The facts about its subflow that decide how often it is asked. */
export interface PingedSubflow {
  readonly meter: { readonly isDegraded: boolean };
  readonly uplink: { readonly isMetered: boolean };
}

/** When a subflow is to be asked for a sign of life: now and then while it is idle, and when what arrives on it stops. */
export class PingTimer {
  readonly arrivals: ArrivalWatch;
  readonly #subflow: PingedSubflow;
  readonly #now: Now;
  readonly #tuning: PingTuning;
  #lastQuestionMs: number;
  /** Asked for by the program. */
  #isDue = false;
  #lastPayloadMs = Number.NEGATIVE_INFINITY;
  /** Of payload, since the last break. */
  #burstBytes = 0;

  constructor(
    subflow: PingedSubflow,
    now: Now,
    { ping, pause }: { readonly ping: PingTuning; readonly pause: PauseTuning },
  ) {
    this.#subflow = subflow;
    this.#now = now;
    this.#tuning = ping;
    this.arrivals = new ArrivalWatch(now, pause);
    this.#lastQuestionMs = now.ms;
  }

  /** For how long nothing that must be answered was sent. */
  get sinceQuestionMs(): number {
    return this.#now.ms - this.#lastQuestionMs;
  }

  get nextMs(): number {
    return this.#isDue ? this.#now.ms : Math.min(this.#lastQuestionMs + this.#intervalMs, this.#hushedMs);
  }

  /** Whether it is so near that it may as well be asked now: half of its interval has passed at least. */
  get isNear(): boolean {
    const nextMs = this.#isDue ? this.#now.ms : this.#lastQuestionMs + this.#intervalMs;
    return this.#now.ms >= nextMs - Math.min(this.#tuning.togetherMs, this.#intervalMs / 2);
  }

  /** Something that must be answered is sent, a PING or anything else. */
  onQuestion(): void {
    this.#lastQuestionMs = this.#now.ms;
    this.#isDue = false;
    this.arrivals.onQuestion();
  }

  /** Payload has arrived. */
  onPayload(bytes: number): void {
    const isBreak = this.#now.ms - this.#lastPayloadMs > this.#tuning.hushMs;
    this.#burstBytes = isBreak ? bytes : this.#burstBytes + bytes;
    this.#lastPayloadMs = this.#now.ms;
  }

  /** A sign of life is wanted now, however often it is asked otherwise. */
  hurry(): void {
    this.#isDue = true;
  }

  /** When it is asked since bulk has stopped; infinite where it has not been heard of since it was asked. */
  get #hushedMs(): number {
    const { hushMs, bulkBytes } = this.#tuning;
    const isBulk = this.#burstBytes >= bulkBytes && this.#lastPayloadMs >= this.#lastQuestionMs;
    return isBulk ? this.#lastPayloadMs + hushMs : Number.POSITIVE_INFINITY;
  }

  get #intervalMs(): number {
    const { intervalMs, meteredIntervalMs, degradedIntervalMs } = this.#tuning;
    const { isMetered } = this.#subflow.uplink;
    if (this.#subflow.meter.isDegraded) return isMetered ? intervalMs : degradedIntervalMs;
    return isMetered ? meteredIntervalMs : intervalMs;
  }
}
