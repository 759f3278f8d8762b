import { ProtocolViolation } from '../errors.ts';
import { type Chunk, OwnBytes, type ReceivedChunk } from '../memory/chunk.ts';
import { KeptSegment, KeptSegments, type Place } from './kept-segments.ts';

/** A kept slice shorter than this melts into its neighbour. */
export const MELT_BELOW_BYTES = 4 * 1024;
/** Segments out of order that one stream keeps: room for the largest window in pieces of half of MELT_BELOW_BYTES. */
export const MAX_REORDER_ENTRIES = 8 * 1024;

/**
 * Reassembles one direction of a stream by data sequence number: slices in, in any order and overlapping, the same
 * bytes out once and in order. Bounded by the window in bytes and by MAX_REORDER_ENTRIES in number.
 */
export class ReorderBuffer {
  #nextDsn = 0;
  /** All above #nextDsn. */
  readonly #kept = new KeptSegments();
  #bufferedBytes = 0;

  /** DSN of the next byte to be handed on. */
  get nextDsn(): number {
    return this.#nextDsn;
  }

  /** Bytes that wait for a hole to be filled. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get entryCount(): number {
    return this.#kept.length;
  }

  /**
   * Takes `bytes`, which are a part of `chunk`: what can be handed on is kept as it is, what must wait is copied.
   * @returns what can be handed on now, in order
   * @throws ProtocolViolation for more holes than any real set of subflows makes
   */
  insert(dsn: number, bytes: Uint8Array, chunk: ReceivedChunk): readonly Chunk[] {
    const end = dsn + bytes.length;
    if (end <= this.#nextDsn) return [];
    if (dsn < this.#nextDsn) {
      bytes = bytes.subarray(this.#nextDsn - dsn);
      dsn = this.#nextDsn;
    }
    if (dsn > this.#nextDsn) {
      this.#keep(dsn, bytes);
      return [];
    }
    if (this.#kept.length === 0) {
      this.#nextDsn = end;
      return [chunk.keep(bytes)];
    }
    return this.#drainBehind(chunk.keep(bytes));
  }

  #drainBehind(first: Chunk): Chunk[] {
    const ready = [first];
    const kept = this.#kept;
    this.#nextDsn += first.bytes.length;
    for (let one = kept.first; one !== undefined && one.dsn <= this.#nextDsn; one = kept.first) {
      kept.removeFirst();
      this.#bufferedBytes -= one.length;
      const known = this.#nextDsn - one.dsn;
      if (known >= one.length) continue;
      ready.push(new OwnBytes(known === 0 ? one.bytes : one.bytes.subarray(known)));
      this.#nextDsn = one.endDsn;
    }
    return ready;
  }

  /** Keeps what of the slice is new. */
  #keep(dsn: number, bytes: Uint8Array): void {
    let place = this.#kept.seek(dsn);
    const end = dsn + bytes.length;
    let cursor = dsn;
    while (cursor < end) {
      const following = this.#kept.get(place);
      const gapEnd = following === undefined ? end : Math.min(end, following.dsn);
      const next = Math.max(gapEnd, following?.endDsn ?? end);
      if (gapEnd > cursor) place = this.#insertAt(place, cursor, bytes.subarray(cursor - dsn, gapEnd - dsn));
      cursor = gapEnd === end ? end : next;
      place = this.#kept.next(place);
    }
    if (this.#kept.length > MAX_REORDER_ENTRIES) {
      throw new ProtocolViolation('DATA with too many holes', 'resourceExceeded');
    }
  }

  /**
   * A small slice melts into a neighbour, so that the cost of keeping entries stays in proportion to their bytes.
   * @returns the place of the entry behind it
   */
  #insertAt(place: Place, dsn: number, bytes: Uint8Array): Place {
    this.#bufferedBytes += bytes.length;
    const before = this.#kept.before(place);
    if (before?.endDsn === dsn && mayMelt(before, bytes)) {
      before.append(bytes);
      return place;
    }
    const behind = this.#kept.get(place);
    if (behind?.dsn === dsn + bytes.length && mayMelt(behind, bytes)) {
      behind.prepend(bytes);
      return place;
    }
    return this.#kept.insert(place, new KeptSegment(dsn, bytes));
  }
}

/** What is copied for a small slice stays small, too. */
function mayMelt(neighbour: KeptSegment, bytes: Uint8Array): boolean {
  return bytes.length < MELT_BELOW_BYTES && neighbour.length + bytes.length <= 2 * MELT_BELOW_BYTES;
}
