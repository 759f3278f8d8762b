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
  /** A question that is due within so long is asked along with another, ours or the peer's: each wakes both machines. */
  readonly togetherMs: number;
}

export const PING_TUNING: PingTuning = {
  intervalMs: 1_000,
  meteredIntervalMs: 15_000,
  degradedIntervalMs: 250,
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
    return this.#isDue ? this.#now.ms : this.#lastQuestionMs + this.#intervalMs;
  }

  /** Whether it is so near that it may as well be asked now: half of its interval has passed at least. */
  get isNear(): boolean {
    return this.#now.ms >= this.nextMs - Math.min(this.#tuning.togetherMs, this.#intervalMs / 2);
  }

  /** Something that must be answered is sent, a PING or anything else. @param isFirst nothing else awaits an answer */
  onQuestion(isFirst: boolean): void {
    this.#lastQuestionMs = this.#now.ms;
    this.#isDue = false;
    this.arrivals.onQuestion(isFirst);
  }

  /** A sign of life is wanted now, however often it is asked otherwise. */
  hurry(): void {
    this.#isDue = true;
  }

  get #intervalMs(): number {
    const { intervalMs, meteredIntervalMs, degradedIntervalMs } = this.#tuning;
    const { isMetered } = this.#subflow.uplink;
    if (this.#subflow.meter.isDegraded) return isMetered ? intervalMs : degradedIntervalMs;
    return isMetered ? meteredIntervalMs : intervalMs;
  }
}
