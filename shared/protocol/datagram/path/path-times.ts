import type { Now } from '../../now.ts';
import { RTT_TUNING, RttEstimator } from '../../subflow/rtt-estimator.ts';
import type { DatagramPathTuning } from './path-tuning.ts';

/** Round trips of one path of datagrams, and from when on feedback is late there. */
export class PathTimes {
  readonly #tuning: DatagramPathTuning;
  readonly #rtt: RttEstimator;
  /** From a packet until the feedback for it, whatever the peer has waited with it. */
  readonly #answer: RttEstimator;
  #currentMs: number | undefined;

  constructor(now: Now, tuning: DatagramPathTuning) {
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

  /** So long a packet is under way without feedback where nothing queues. */
  get pipeMs(): number {
    return this.minMs + this.#tuning.feedbackMs;
  }

  /** Of the last few packets, queues included. */
  get currentMs(): number {
    return this.#currentMs ?? this.#rtt.smoothedMs;
  }

  /** The mean deviation of the round trip. */
  get jitterMs(): number {
    return this.#rtt.isMeasured ? this.#answer.varianceMs : 0;
  }

  /** Feedback for a packet is late so long after it was sent. */
  get lateAfterMs(): number {
    const { lateDeviations, leastLateMs, feedbackMs } = this.#tuning;
    const { smoothedMs, varianceMs } = this.#answer;
    return smoothedMs + Math.max(lateDeviations * varianceMs, leastLateMs) + feedbackMs;
  }

  /** Feedback came so long after its newest packet was sent. @param delayMs so long of that the peer has waited, where that is known */
  onAnswer(answerMs: number, delayMs: number | undefined): void {
    // A pause is no round trip: one would hide the next. Where the path has become longer, deviations let the limit follow.
    this.#answer.addSample(this.isMeasured ? Math.min(answerMs, this.lateAfterMs) : answerMs);
    if (delayMs === undefined) return;
    const rttMs = answerMs - delayMs;
    this.#rtt.addSample(rttMs);
    this.#currentMs =
      this.#currentMs === undefined ? rttMs : this.#currentMs + (rttMs - this.#currentMs) * CURRENT_SHARE;
  }
}

/** Of the last sample in what a path is like now: four packets of a call, or 32 ms of a bulk flow. */
const CURRENT_SHARE = 0.25;
