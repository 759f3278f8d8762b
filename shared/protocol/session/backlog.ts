import { FULL_SHARE, type MemoryBudget } from '../memory-budget.ts';
import { PassingSet } from '../passing-set.ts';
import { AHEAD_TUNING, mostAheadBytes } from '../scheduler/ahead.ts';
import type { Stream } from '../stream/stream.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { SEGMENT_TUNING } from './stream-sender.ts';

export interface BacklogTuning {
  /** An application is not read while its stream has this much waiting, */
  readonly minBytes: number;
  /** or what all uplinks send in this time, if that is more, */
  readonly ms: number;
  /** at most this: what is read and sent within the processor's cache costs less; two blocks of the fastest applications. */
  readonly maxBytes: number;
  /** A long stream may have so much more, where subflows differ in their delay: on the slow ones it is sent from far ahead. */
  readonly maxAheadBytes: number;
  /** A stream that has sent so much is a long one. */
  readonly longStreamBytes: number;
  /** All of a session share this, or a part of its memory if that is less: each may have as much as is left. */
  readonly maxSessionBytes: number;
}

export const BACKLOG_TUNING: BacklogTuning = {
  minBytes: 64 * 1024,
  ms: 20,
  maxBytes: 512 * 1024,
  maxAheadBytes: 4 * 1024 * 1024,
  longStreamBytes: SEGMENT_TUNING.probeAfterBytes,
  maxSessionBytes: 16 * 1024 * 1024,
};

/** The part of the session's memory: many slow readers at the far end leave most of it to the others. */
const SHARED_PART = 1 / 8;
/** However many share it, an application is read until this much waits: a small read. */
const LEAST_BYTES = 8 * 1024;
/** What one read is reckoned to bring, when several are told at once that they may be read again: most bring no more. */
const READ_BYTES = 64 * 1024;

/** What the backlog asks of its session. */
export interface BacklogHost {
  readonly subflows: readonly Subflow[];
  /** What all have accepted and not sent. */
  readonly bytes: number;
  streams(): Iterable<Stream>;
  /** The application of the stream may be read again. */
  tellWritable(streamId: number): void;
  /** It may not, until it is told. */
  tellBlocked(streamId: number): void;
}

/**
 * Which applications of a session were told to wait. While its memory is tight, an application is read only when all that it
 * has handed over was sent, so that slow readers at the far end do not take the memory that fast ones need. While it is full,
 * none is read.
 */
export class Backlog {
  readonly #tuning: BacklogTuning;
  readonly #memory: MemoryBudget;
  readonly #host: BacklogHost;
  /** Their applications want to hear when they may go on. */
  readonly #waiting = new PassingSet<Stream>();

  constructor(tuning: BacklogTuning, memory: MemoryBudget, host: BacklogHost) {
    this.#tuning = tuning;
    this.#memory = memory;
    this.#host = host;
  }

  /**
   * The stream has taken something of its application.
   * @returns false when the application is to wait for `tellWritable`
   */
  onWritten(stream: Stream): boolean {
    if (this.#memory.isFull) {
      this.#blockAll();
      return false;
    }
    const hasRoom = this.#hasRoom(stream, this.#limitBytes());
    if (!hasRoom) this.#waiting.add(stream);
    return hasRoom;
  }

  /** The stream is about to be closed. */
  forget(stream: Stream): void {
    this.#waiting.delete(stream);
  }

  /** Applications that were told to wait may be read again, as far as there is room: those that have waited longest come first. */
  tellWritable(): void {
    if (this.#waiting.size === 0) return;
    if (this.#memory.isFull) return;
    const limit = this.#limitBytes();
    let freeBytes = this.#memory.freeBytes(FULL_SHARE);
    for (const stream of this.#waiting) {
      if (freeBytes <= 0) return;
      if (!this.#hasRoom(stream, limit)) continue;
      freeBytes -= READ_BYTES;
      this.#waiting.delete(stream);
      this.#host.tellWritable(stream.id);
    }
  }

  /** Those that have said nothing yet, too: each of many idle ones may have a read's worth at once. */
  #blockAll(): void {
    for (const stream of this.#host.streams()) {
      if (this.#waiting.has(stream)) continue;
      this.#waiting.add(stream);
      this.#host.tellBlocked(stream.id);
    }
  }

  #hasRoom({ send }: Stream, limitBytes: number): boolean {
    if (this.#memory.isTight) return send.backlogBytes === 0;
    const aheadBytes = send.sentBytes < this.#tuning.longStreamBytes ? 0 : this.#aheadBytes();
    return send.backlogBytes < limitBytes + aheadBytes;
  }

  /** What is passed over by the segments that are sent ahead. */
  #aheadBytes(): number {
    const active = this.#host.subflows.filter(({ state }) => state === 'active');
    return active.length < 2 ? 0 : Math.min(mostAheadBytes(active, AHEAD_TUNING), this.#tuning.maxAheadBytes);
  }

  /** What of one application may wait here: a little, or what all uplinks send in a moment, within a share of what the session may. */
  #limitBytes(): number {
    const { minBytes, ms, maxBytes, maxSessionBytes } = this.#tuning;
    let rate = 0;
    for (const subflow of this.#host.subflows) rate += subflow.rateBytesPerSecond;
    const usualBytes = Math.min(Math.max((rate * ms) / 1000, minBytes), maxBytes);
    const sharedBytes = Math.min(maxSessionBytes, this.#memory.limitBytes * SHARED_PART);
    return Math.max(Math.min(usualBytes, sharedBytes - this.#host.bytes), LEAST_BYTES);
  }
}
