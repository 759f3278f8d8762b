import type { Stream } from '../stream/stream.ts';
import type { Subflow } from '../subflow/subflow.ts';

export interface BacklogTuning {
  /** An application is not read while its stream has this much waiting, */
  readonly minBytes: number;
  /** or what all uplinks send in this time, if that is more, */
  readonly ms: number;
  /** at most this: what is read and sent within the processor's cache costs less; two blocks of the fastest applications. */
  readonly maxBytes: number;
  /** All applications of a session share this while there are enough of them (`minBytes` each they always have). */
  readonly maxSessionBytes: number;
}

export const BACKLOG_TUNING: BacklogTuning = {
  minBytes: 64 * 1024,
  ms: 20,
  maxBytes: 512 * 1024,
  maxSessionBytes: 16 * 1024 * 1024,
};

/**
 * What the applications of a session may have handed over without that the peer confirms it: above what the windows of a
 * peer that needs it promise. A peer may grant any window, and leave out the byte that the memory of all behind it waits for.
 */
export const MAX_SESSION_UNDELIVERED_BYTES = 128 * 1024 * 1024;

/** What the backlog asks of its session. */
export interface BacklogHost {
  readonly subflows: readonly Subflow[];
  /** Streams that share the session's backlog. */
  readonly streamCount: number;
  /** The application of the stream may be read again. */
  tellWritable(streamId: number): void;
}

/** What the applications have handed over to be sent, and which of them were told to wait. */
export class Backlog {
  readonly #tuning: BacklogTuning;
  readonly #host: BacklogHost;
  /** Their applications want to hear when they may go on. */
  readonly #waiting = new Set<Stream>();
  /** Accepted from all applications, and not known to be delivered up to the first hole of their streams. */
  #undeliveredBytes = 0;

  constructor(tuning: BacklogTuning, host: BacklogHost) {
    this.#tuning = tuning;
    this.#host = host;
  }

  /**
   * The stream has taken `bytes` of its application.
   * @returns false when the application is to wait for `tellWritable`
   */
  onWritten(stream: Stream, bytes: number): boolean {
    this.#undeliveredBytes += bytes;
    const hasRoom = this.#hasMemory && stream.send.backlogBytes < this.#limitBytes();
    if (!hasRoom) this.#waiting.add(stream);
    return hasRoom;
  }

  /** So many bytes more of a stream are delivered without a hole before them. */
  onDelivered(bytes: number): void {
    this.#undeliveredBytes -= bytes;
  }

  /** The stream is about to be closed. */
  forget(stream: Stream): void {
    this.#undeliveredBytes -= stream.send.undeliveredBytes;
    this.#waiting.delete(stream);
  }

  /** Applications that were told to wait may be read again, as far as there is room. */
  tellWritable(): void {
    if (this.#waiting.size === 0 || !this.#hasMemory) return;
    const limit = this.#limitBytes();
    for (const stream of this.#waiting) {
      if (stream.send.backlogBytes >= limit) continue;
      this.#waiting.delete(stream);
      this.#host.tellWritable(stream.id);
    }
  }

  get #hasMemory(): boolean {
    return this.#undeliveredBytes < MAX_SESSION_UNDELIVERED_BYTES;
  }

  /** What of one application may wait here: a little, or what all uplinks send in a moment, within a share of what the session may. */
  #limitBytes(): number {
    const { minBytes, ms, maxBytes, maxSessionBytes } = this.#tuning;
    let rate = 0;
    for (const subflow of this.#host.subflows) rate += subflow.rateBytesPerSecond;
    const shareBytes = maxSessionBytes / Math.max(1, this.#host.streamCount);
    return Math.max(Math.min((rate * ms) / 1000, maxBytes, shareBytes), minBytes);
  }
}
