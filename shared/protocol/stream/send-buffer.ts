import type { OutgoingChunk } from '../memory/chunk.ts';
import { RangeSet } from '../range-set.ts';

interface Held {
  readonly dsn: number;
  readonly chunk: OutgoingChunk;
}

/** From this size on a frame of one chunk is better than a longer one that must be put together. */
const LONE_CHUNK_BYTES = 32 * 1024;
/** More slices in one frame cost more than a second frame. */
const MAX_SLICES = 64;

/**
 * What one direction of a stream has accepted and the far side has not yet receipted. Bounded by the peer's window plus the backlog that
 * the application may build up.
 */
export class SendBuffer {
  #held: Held[] = [];
  #head = 0;
  #endDsn = 0;
  #deliveredTo = 0;
  readonly #deliveredBeyond = new RangeSet();

  /** DSN of the next byte to be accepted. */
  get endDsn(): number {
    return this.#endDsn;
  }

  /** All bytes below are delivered. */
  get deliveredTo(): number {
    return this.#deliveredTo;
  }

  append(chunk: OutgoingChunk): void {
    this.#held.push({ dsn: this.#endDsn, chunk });
    this.#endDsn += chunk.bytes.length;
  }

  /** How many of the `most` bytes from `dsn` on fit in one frame; a large chunk makes one by itself, which saves a copy. */
  frameBytes(dsn: number, most: number): number {
    let at = this.#indexOf(dsn);
    const first = this.#held[at]?.chunk.bytes.length ?? 0;
    if (first >= LONE_CHUNK_BYTES && this.#held[at]!.dsn === dsn) return Math.min(first, most);
    let end = dsn;
    for (let slices = 0; slices < MAX_SLICES && at < this.#held.length && end < dsn + most; slices++, at++) {
      const held = this.#held[at]!;
      end = held.dsn + held.chunk.bytes.length;
    }
    return Math.min(end - dsn, most);
  }

  /** The bytes [dsn, dsn + length) as they lie in memory, not copied. */
  slices(dsn: number, length: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    const end = dsn + length;
    for (let at = this.#indexOf(dsn); at < this.#held.length && this.#held[at]!.dsn < end; at++) {
      const { dsn: start, chunk } = this.#held[at]!;
      const whole = dsn <= start && start + chunk.bytes.length <= end;
      found.push(whole ? chunk.bytes : chunk.bytes.subarray(Math.max(0, dsn - start), end - start));
    }
    return found;
  }

  /** The chunk that is exactly [dsn, dsn + length) and has room for a header in front, if there is one. */
  wholeChunk(dsn: number, length: number, headerBytes: number): OutgoingChunk | undefined {
    const held = this.#held[this.#indexOf(dsn)];
    const fits =
      held?.dsn === dsn && held.chunk.bytes.length === length && held.chunk.headroomBytes >= headerBytes;
    return fits ? held.chunk : undefined;
  }

  /** Notes [start, end) as delivered and gives back what nobody needs any more. */
  markDelivered(start: number, end: number): void {
    if (start > this.#deliveredTo) {
      this.#deliveredBeyond.add(start, end);
      return;
    }
    this.#deliveredTo = this.#deliveredBeyond.absorb(Math.max(this.#deliveredTo, end));
    this.#releaseDelivered();
  }

  /** The parts of [start, end) that are not known to be delivered. */
  undelivered(start: number, end: number): { start: number; end: number }[] {
    return this.#deliveredBeyond.gaps(Math.max(start, this.#deliveredTo), end);
  }

  /** The first byte of [start, end) that is not known to be delivered. */
  firstUndelivered(start: number, end: number): number | undefined {
    return this.#deliveredBeyond.firstGap(Math.max(start, this.#deliveredTo), end)?.start;
  }

  /** Gives everything back: the stream was reset. */
  releaseAll(): void {
    for (let at = this.#head; at < this.#held.length; at++) this.#held[at]!.chunk.release();
    this.#held = [];
    this.#head = 0;
  }

  #releaseDelivered(): void {
    while (this.#head < this.#held.length) {
      const { dsn, chunk } = this.#held[this.#head]!;
      if (dsn + chunk.bytes.length > this.#deliveredTo) break;
      chunk.release();
      this.#head++;
    }
    if (this.#head > 32 && this.#head * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Index of the chunk that holds `dsn`; the array's length when none does. */
  #indexOf(dsn: number): number {
    let low = this.#head;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { dsn: start, chunk } = this.#held[middle]!;
      if (start + chunk.bytes.length > dsn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
