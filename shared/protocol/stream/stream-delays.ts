import { DelayCounts } from '../delay-counts.ts';
import type { Now } from '../now.ts';
import type { Segment } from '../scheduler/packet-scheduler.ts';

/** Delays of streams are counted up to each of these, in milliseconds: from what nobody notices to what a person gives up for. */
export const STREAM_DELAY_BOUNDS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
] as const;

/** Why a segment is sent again: its subflow was doubted or died, or it holds up the rest while its subflow still works. */
export type AgainKind = 'lost' | 'copy';

/** How long bytes of streams wait; for as many sessions as share it. */
export class DelayRecord {
  /** From when bytes were accepted until they were given to a subflow. */
  readonly queueing = new DelayCounts(STREAM_DELAY_BOUNDS_MS);
  /** From when bytes came until all before them had come. */
  readonly reorder = new DelayCounts(STREAM_DELAY_BOUNDS_MS);
  /** From when bytes were sent first until they were receipted, of those that arrived because they were sent again. */
  readonly reinjection: Readonly<Record<AgainKind, DelayCounts>> = {
    lost: new DelayCounts(STREAM_DELAY_BOUNDS_MS),
    copy: new DelayCounts(STREAM_DELAY_BOUNDS_MS),
  };
}

/** No byte is marked. */
const NONE = -1;

/**
 * Measures how long bytes of one stream wait: of one byte at a time for each delay, which is next chosen when it waits no more. Of a
 * stream that is busy it is so a sample in each round of its queue, which costs two comparisons a frame.
 */
export class StreamDelays {
  readonly #now: Now;
  readonly #record: DelayRecord;
  // The byte that is marked, and since when it waits.
  #queuedDsn = NONE;
  #queuedMs = 0;
  #earlyDsn = NONE;
  #earlyMs = 0;
  #againDsn = NONE;
  #againMs = 0;

  constructor(now: Now, record: DelayRecord) {
    this.#now = now;
    this.#record = record;
  }

  /** Bytes up to `endDsn` are accepted. */
  onAccepted(endDsn: number): void {
    if (this.#queuedDsn !== NONE) return;
    this.#queuedDsn = endDsn;
    this.#queuedMs = this.#now.ms;
  }

  /** All bytes below `sentDsn` were given to subflows. */
  onSent(sentDsn: number): void {
    if (this.#queuedDsn === NONE || sentDsn < this.#queuedDsn) return;
    this.#record.queueing.add(this.#now.ms - this.#queuedMs);
    this.#queuedDsn = NONE;
  }

  /** Bytes from `dsn` on have come; all below `nextDsn` are there. */
  onReceived(dsn: number, nextDsn: number): void {
    if (dsn > nextDsn) {
      if (this.#earlyDsn !== NONE) return;
      this.#earlyDsn = dsn;
      this.#earlyMs = this.#now.ms;
    } else if (this.#earlyDsn !== NONE && nextDsn > this.#earlyDsn) {
      this.#record.reorder.add(this.#now.ms - this.#earlyMs);
      this.#earlyDsn = NONE;
    }
  }

  /** Bytes from `dsn` on are sent again. @param firstSentMs when they were sent before */
  onAgain(dsn: number, firstSentMs: number): void {
    if (this.#againDsn !== NONE) return;
    this.#againDsn = dsn;
    this.#againMs = firstSentMs;
  }

  /** A segment is receipted. @param again why it was sent again, if it was; the first that has the marked byte delivers it */
  onReceipted({ dsn, length }: Segment, again: AgainKind | undefined): void {
    if (this.#againDsn < dsn || this.#againDsn >= dsn + length) return;
    if (again !== undefined) this.#record.reinjection[again].add(this.#now.ms - this.#againMs);
    this.#againDsn = NONE;
  }
}
