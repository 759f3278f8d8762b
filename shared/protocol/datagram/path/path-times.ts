import type { Now } from '../../now.ts';
import { RTT_TUNING, RttEstimator } from '../../subflow/rtt-estimator.ts';
import type { PathTimeBounds } from './path-queue.ts';
import type { DatagramPathTuning } from './path-tuning.ts';

/** Round trips of one path of datagrams, and from when on feedback is late there. */
export class PathTimes implements PathTimeBounds {
  readonly #now: Now;
  readonly #tuning: DatagramPathTuning;
  readonly #rtt: RttEstimator;
  /** From a packet until the feedback for it, whatever the peer has waited with it. */
  readonly #answer: RttEstimator;
  #currentMs: number | undefined;
  /** Packets up to here were under way when feedback was late. */
  #stuckTo = -1;
  #stuckSinceMs: number | undefined;
  #feedbackMs = Number.NEGATIVE_INFINITY;

  constructor(now: Now, tuning: DatagramPathTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#rtt = new RttEstimator(now, RTT_TUNING);
    this.#answer = new RttEstimator(now, RTT_TUNING);
  }

  get isMeasured(): boolean {
    return this.#rtt.isMeasured;
  }

  /** Without queues. */
  get minMs(): number {
    return this.#rtt.minMs;
  }

  /** The peer tells of a packet within so long. */
  get feedbackMs(): number {
    return this.#tuning.feedbackMs;
  }

  /** Of the last few packets, queues included. */
  get currentMs(): number {
    return this.#currentMs ?? this.#rtt.smoothedMs;
  }

  /** The mean deviation of the round trip. */
  get jitterMs(): number {
    return this.#rtt.isMeasured ? this.#answer.varianceMs : 0;
  }

  /** When feedback is late for a packet that was sent then. */
  lateAtMs(sentMs: number): number {
    // The peer waits for a while after each feedback, but then tells of a packet at once.
    const tellsMs = this.#feedbackMs + this.#tuning.feedbackMs;
    return Math.max(sentMs + this.#answer.smoothedMs, tellsMs) + this.#marginMs;
  }

  /** So long after it was sent feedback for a packet is certainly late. */
  get mostAnswerMs(): number {
    return this.#answer.smoothedMs + this.#tuning.feedbackMs + this.#marginMs;
  }

  /** Feedback has come. */
  onFeedback(): void {
    this.#feedbackMs = this.#now.ms;
  }

  /** Feedback comes that was late. @param lastCounter of the packets that were sent by now */
  onLate(lastCounter: number): void {
    this.#stuckTo = lastCounter;
    this.#stuckSinceMs ??= this.#now.ms;
  }

  /**
   * Feedback came so long after its newest packet was sent.
   * @param delayMs so long of that the peer has waited, where that is known
   */
  onAnswer(counter: number, answerMs: number, delayMs: number | undefined): void {
    if (this.#isTelling(counter)) {
      // Where a path has become longer, deviations let the limit follow.
      this.#answer.addSample(this.isMeasured ? Math.min(answerMs, this.mostAnswerMs) : answerMs);
    }
    if (delayMs === undefined) return;
    const rttMs = answerMs - delayMs;
    this.#rtt.addSample(rttMs);
    this.#currentMs ??= rttMs;
    // A queue that has drained is seen by one packet; a single one that was late says little.
    this.#currentMs += (rttMs - this.#currentMs) * (rttMs < this.#currentMs ? FALLING_SHARE : RISING_SHARE);
  }

  get #marginMs(): number {
    const { lateDeviations, leastLateMs } = this.#tuning;
    return Math.max(lateDeviations * this.#answer.varianceMs, leastLateMs);
  }

  /** A pause is no round trip: one would hide the next. But it may be a longer path. */
  #isTelling(counter: number): boolean {
    if (counter > this.#stuckTo) {
      this.#stuckSinceMs = undefined;
      return true;
    }
    return this.#now.ms - (this.#stuckSinceMs ?? this.#now.ms) > this.#tuning.stuckMs;
  }
}

/** Of the last sample in what a path is like now: a few packets of a call, or some 40 ms of a bulk flow. */
const RISING_SHARE = 0.25;
const FALLING_SHARE = 0.5;
