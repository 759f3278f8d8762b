import type { Now } from '../../now.ts';

/** What a queue of one path is told from. Rates in bytes per second. */
export interface QueuedPath {
  readonly inFlightBytes: number;
  readonly bytesPerSecond: number;
  readonly times: PathTimeBounds;
}

/** Of a path, milliseconds. */
export interface PathTimeBounds {
  /** Its round trip without queues. */
  readonly minMs: number;
  /** The peer tells of a packet within so long. */
  readonly feedbackMs: number;
}

/**
 * How long a packet that leaves now waits on its path. What this end has under way is known at once; what a round trip says is old by
 * that round trip, and who goes by it alone sends all to the path that was empty then. So round trips only correct what is expected:
 * by others' queues, and where the path's rate is another one than is believed.
 */
export class PathQueue {
  readonly #path: QueuedPath;
  readonly #now: Now;
  #atMs: number;
  /** What round trips were longer than expected of late; negative: shorter. */
  #moreMs = 0;

  constructor(path: QueuedPath, now: Now) {
    this.#path = path;
    this.#now = now;
    this.#atMs = now.ms;
  }

  /** So long a packet is under way without feedback where nothing queues: many are told of together, or soon after each other. */
  get pipeMs(): number {
    const { bytesPerSecond, times } = this.#path;
    return times.minMs + Math.min(times.feedbackMs, (TOLD_BYTES * 1000) / bytesPerSecond);
  }

  /** Of this end's packets alone, as far as the path's rate is known. */
  get ownMs(): number {
    return this.#ownMs(this.#path.inFlightBytes);
  }

  get ms(): number {
    return Math.max(0, this.ownMs + this.#moreMs);
  }

  /**
   * A packet has come through.
   * @param queueMs what its round trip was longer than the shortest
   * @param inFlightBytes what was under way when it was sent
   */
  onRoundTrip(queueMs: number, inFlightBytes: number): void {
    const moreMs = queueMs - this.#ownMs(inFlightBytes);
    const memoryMs = MEMORY * this.#path.times.minMs;
    const share = 1 - Math.exp((this.#atMs - this.#now.ms) / memoryMs);
    this.#atMs = this.#now.ms;
    this.#moreMs += (moreMs - this.#moreMs) * share;
  }

  /** Under way beyond what fills the path. */
  #ownMs(inFlightBytes: number): number {
    return Math.max(0, (inFlightBytes * 1000) / this.#path.bytesPerSecond - this.pipeMs);
  }
}

/** Corrections are slow beside the round trip by which they are late: otherwise queues swing from path to path. In shortest round trips. */
const MEMORY = 2;
/** Of bulk, feedback tells of 16 packets at a time: on average half of them wait for it. */
const TOLD_BYTES = 8 * 1_250;
