import type { Now } from '../now.ts';
import { PauseDetector, type PauseTuning } from './pause-detector.ts';

/**
 * Notices that a stream of arriving payload stands still. Who only receives has nothing under way whose answer could be missed: the
 * path may be dead, as when a translator on the way has forgotten the connection, or all may have arrived. One question tells.
 */
export class ArrivalWatch {
  readonly #now: Now;
  readonly #tuning: PauseTuning;
  readonly #pauses: PauseDetector;
  #askedMs = Number.NEGATIVE_INFINITY;
  #hasStopped = false;

  constructor(now: Now, tuning: PauseTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#pauses = new PauseDetector(tuning);
  }

  onArrival(): void {
    this.#pauses.onSign(this.#now.ms);
  }

  /** Whether a stream of payload had stopped when the question was asked that awaits an answer. */
  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** Something that must be answered is sent. @param isFirst nothing else awaits an answer */
  onQuestion(isFirst: boolean): void {
    if (isFirst) this.#hasStopped = this.#now.ms >= this.dueMs;
    this.#askedMs = this.#now.ms;
  }

  /** When to ask, if nothing arrives until then; infinite where there was a question since, or no stream. */
  get dueMs(): number {
    const endMs = this.#pauses.streamEndMs;
    // What was sent right behind the last payload may have passed before the path died.
    if (endMs === undefined || this.#askedMs > endMs + this.#tuning.silenceMs)
      return Number.POSITIVE_INFINITY;
    return endMs + this.#tuning.arrivalSilenceMs;
  }
}
