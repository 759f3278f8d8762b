import type { Now } from '../../now.ts';
import type { ProbedPath } from './path-probes.ts';
import type { PathTimes } from './path-times.ts';
import type { DatagramPathTuning } from './path-tuning.ts';
import type { SentPackets } from './sent-packets.ts';

/** Whether the far side of one path can be heard: late feedback, silence, and what is remembered of it. */
export class PathLiveness implements ProbedPath {
  readonly #now: Now;
  readonly #tuning: DatagramPathTuning;
  readonly #sent: SentPackets;
  readonly #times: PathTimes;
  #isValidated = false;
  #lastHeardMs: number;
  /** When it was heard again after its last silence. */
  #backMs = Number.NEGATIVE_INFINITY;

  constructor(sent: SentPackets, times: PathTimes, now: Now, tuning: DatagramPathTuning) {
    this.#sent = sent;
    this.#times = times;
    this.#now = now;
    this.#tuning = tuning;
    this.#lastHeardMs = now.ms;
  }

  /** The peer has given feedback. */
  get isValidated(): boolean {
    return this.#isValidated;
  }

  /** For how long nothing new was confirmed. */
  get unheardMs(): number {
    return this.#now.ms - this.#lastHeardMs;
  }

  /** When feedback is late, if none comes; infinite where none is awaited. */
  get lateAtMs(): number {
    const sinceMs = this.#sent.awaitedSinceMs;
    return sinceMs === undefined ? Number.POSITIVE_INFINITY : this.#times.lateAtMs(sinceMs);
  }

  /** Feedback is late, by however little: the path may have failed. */
  get isLate(): boolean {
    return this.#now.ms >= this.lateAtMs;
  }

  /** Feedback is late by so much that the path must have failed, or stands still. */
  get isSilent(): boolean {
    const limitMs = Math.max(this.#tuning.silentMs, this.#times.minMs);
    return this.#now.ms - this.lateAtMs >= limitMs && this.unheardMs >= limitMs;
  }

  /** It is, or was silent a while ago. */
  get isUnsteady(): boolean {
    return this.#now.ms - this.#backMs < this.#tuning.unsteadyMs || this.isSilent;
  }

  /** It was silent until a moment ago. */
  get isRecovering(): boolean {
    return this.#now.ms - this.#backMs < this.#tuning.recoveryMs;
  }

  /** Feedback has come, and may tell something new. */
  onFeedback(): void {
    if (this.isSilent) this.#backMs = this.#now.ms;
  }

  /** It does. */
  onConfirmed(): void {
    this.#isValidated = true;
    this.#lastHeardMs = this.#now.ms;
  }
}
