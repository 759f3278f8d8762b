import { concatBytes } from '../codec/bytes.ts';
import { ProtocolViolation } from '../errors.ts';
import { type Chunk, OwnBytes, type ReceivedChunk } from '../memory/chunk.ts';

/** A kept slice shorter than this melts into its neighbour. */
export const MELT_BELOW_BYTES = 4 * 1024;
/** Segments out of order that one stream keeps: room for the largest window in pieces of half of MELT_BELOW_BYTES. */
export const MAX_REORDER_ENTRIES = 8 * 1024;

interface Entry {
  readonly dsn: number;
  readonly bytes: Uint8Array;
}

/**
 * Reassembles one direction of a stream by data sequence number: slices in, in any order and overlapping, the same
 * bytes out once and in order. Bounded by the window in bytes and by MAX_REORDER_ENTRIES in number.
 */
export class ReorderBuffer {
  #nextDsn = 0;
  /** Disjoint, by DSN, all above #nextDsn. */
  #entries: Entry[] = [];
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
    return this.#entries.length;
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
    if (this.#entries.length === 0) {
      this.#nextDsn = end;
      return [chunk.keep(bytes)];
    }
    return this.#drainBehind(chunk.keep(bytes));
  }

  #drainBehind(first: Chunk): Chunk[] {
    const ready = [first];
    this.#nextDsn += first.bytes.length;
    let used = 0;
    for (const entry of this.#entries) {
      if (entry.dsn > this.#nextDsn) break;
      used++;
      this.#bufferedBytes -= entry.bytes.length;
      const known = this.#nextDsn - entry.dsn;
      if (known >= entry.bytes.length) continue;
      ready.push(new OwnBytes(known === 0 ? entry.bytes : entry.bytes.subarray(known)));
      this.#nextDsn = entry.dsn + entry.bytes.length;
    }
    if (used > 0) this.#entries.splice(0, used);
    return ready;
  }

  /** Keeps what of the slice is new. */
  #keep(dsn: number, bytes: Uint8Array): void {
    let at = this.#firstEndingAfter(dsn);
    const end = dsn + bytes.length;
    let cursor = dsn;
    while (cursor < end) {
      const following = this.#entries[at];
      const gapEnd = following === undefined ? end : Math.min(end, following.dsn);
      if (gapEnd > cursor) at = this.#insertAt(at, cursor, bytes.subarray(cursor - dsn, gapEnd - dsn));
      if (following === undefined || following.dsn >= end) break;
      cursor = Math.max(cursor, following.dsn + following.bytes.length);
      at++;
    }
    if (this.#entries.length > MAX_REORDER_ENTRIES) {
      throw new ProtocolViolation('DATA with too many holes', 'resourceExceeded');
    }
  }

  /**
   * A small slice melts into a neighbour, so that the cost of keeping entries stays in proportion to their bytes.
   * @returns the index of the entry behind it
   */
  #insertAt(at: number, dsn: number, bytes: Uint8Array): number {
    const entries = this.#entries;
    this.#bufferedBytes += bytes.length;
    const isSmall = bytes.length < MELT_BELOW_BYTES;
    const before = entries[at - 1];
    if (
      isSmall &&
      before !== undefined &&
      before.dsn + before.bytes.length === dsn &&
      mayMelt(before, bytes)
    ) {
      entries[at - 1] = { dsn: before.dsn, bytes: concatBytes(before.bytes, bytes) };
      return at;
    }
    const behind = entries[at];
    if (isSmall && behind !== undefined && dsn + bytes.length === behind.dsn && mayMelt(behind, bytes)) {
      entries[at] = { dsn, bytes: concatBytes(bytes, behind.bytes) };
      return at;
    }
    // A copy, since it may wait for long and would keep all that was read with it. (The slice() of a Buffer shares its memory.)
    entries.splice(at, 0, { dsn, bytes: new Uint8Array(bytes) });
    return at + 1;
  }

  /** Index of the first entry that ends after `dsn`; nearly always the array's end, so that is tried first. */
  #firstEndingAfter(dsn: number): number {
    const entries = this.#entries;
    const last = entries.at(-1);
    if (last === undefined || last.dsn + last.bytes.length <= dsn) return entries.length;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { dsn: start, bytes } = entries[middle]!;
      if (start + bytes.length > dsn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** What is copied for a small slice stays small, too. */
function mayMelt(neighbour: Entry, bytes: Uint8Array): boolean {
  return neighbour.bytes.length + bytes.length <= 2 * MELT_BELOW_BYTES;
}
