import { type OutgoingChunk, OwnBytes } from '../memory/chunk.ts';
import { PIECE_BYTES } from '../memory/footprint.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import { RangeSet } from '../range-set.ts';

interface Held {
  readonly dsn: number;
  readonly chunk: OutgoingChunk;
  /** What of its memory is in use. */
  bytes: Uint8Array;
  /** Memory behind `bytes` that further small chunks are copied into. */
  roomBytes: number;
  /** Whether small chunks were copied into it. */
  readonly isGathered: boolean;
  /** What it takes of the session's budget. */
  readonly costBytes: number;
}

/** Of two chunks below this, one behind the other, the second is copied, and what follows goes behind it while it is as small. */
const SMALL_BYTES = 4 * 1024;
/** Memory for small chunks: twice as much as the last one had, between these. */
const MIN_GATHER_BYTES = 512;
const MAX_GATHER_BYTES = 16 * 1024;

/** From this size on a frame of one chunk is better than a longer one that must be put together. */
const LONE_CHUNK_BYTES = 32 * 1024;
/** More slices in one frame cost more than a second frame. */
const MAX_SLICES = 64;

/**
 * What one direction of a stream has accepted and the far side has not yet receipted, in memory that counts in the session's
 * budget. Bounded by the peer's window plus the backlog that the application may build up, and by that budget.
 */
export class SendBuffer {
  readonly #memory: MemoryBudget;
  #held: Held[] = [];
  #head = 0;
  #endDsn = 0;
  #deliveredTo = 0;
  readonly #deliveredBeyond = new RangeSet();

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  /** DSN of the next byte to be accepted. */
  get endDsn(): number {
    return this.#endDsn;
  }

  /** All bytes below are delivered. */
  get deliveredTo(): number {
    return this.#deliveredTo;
  }

  /** Takes the chunk, which is released at once where its bytes are copied behind others. */
  append(chunk: OutgoingChunk): void {
    const { bytes, headroomBytes } = chunk;
    const last = this.#head < this.#held.length ? this.#held.at(-1)! : undefined;
    if (last !== undefined && last.roomBytes >= bytes.length) {
      copyBehind(last, bytes);
      chunk.release();
    } else if (
      last !== undefined &&
      bytes.length < SMALL_BYTES &&
      (last.isGathered || last.bytes.length < SMALL_BYTES)
    ) {
      this.#gather(bytes, last);
      chunk.release();
    } else {
      const costBytes = headroomBytes + bytes.length + PIECE_BYTES;
      this.#hold({ dsn: this.#endDsn, chunk, bytes, roomBytes: 0, isGathered: false, costBytes });
    }
    this.#endDsn += bytes.length;
  }

  /** How many of the `most` bytes from `dsn` on fit in one frame; a large chunk makes one by itself, which saves a copy. */
  frameBytes(dsn: number, most: number): number {
    let at = this.#indexOf(dsn);
    const first = this.#held[at]?.bytes.length ?? 0;
    if (first >= LONE_CHUNK_BYTES && this.#held[at]!.dsn === dsn) return Math.min(first, most);
    let end = dsn;
    for (let slices = 0; slices < MAX_SLICES && at < this.#held.length && end < dsn + most; slices++, at++) {
      const held = this.#held[at]!;
      end = held.dsn + held.bytes.length;
    }
    return Math.min(end - dsn, most);
  }

  /** The bytes [dsn, dsn + length) as they lie in memory, not copied. */
  slices(dsn: number, length: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    const end = dsn + length;
    for (let at = this.#indexOf(dsn); at < this.#held.length && this.#held[at]!.dsn < end; at++) {
      const { dsn: start, bytes } = this.#held[at]!;
      const whole = dsn <= start && start + bytes.length <= end;
      found.push(whole ? bytes : bytes.subarray(Math.max(0, dsn - start), end - start));
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
    for (let at = this.#head; at < this.#held.length; at++) this.#release(this.#held[at]!);
    this.#held = [];
    this.#head = 0;
  }

  /** Begins memory for small chunks. */
  #gather(bytes: Uint8Array, last: Held): void {
    const usualBytes = 2 * (last.bytes.length + last.roomBytes);
    const length = Math.max(Math.min(Math.max(usualBytes, MIN_GATHER_BYTES), MAX_GATHER_BYTES), bytes.length);
    const memory = new Uint8Array(length);
    const held = {
      dsn: this.#endDsn,
      chunk: new OwnBytes(memory),
      bytes: memory.subarray(0, 0),
      roomBytes: length,
      isGathered: true,
      costBytes: length + PIECE_BYTES,
    };
    copyBehind(held, bytes);
    this.#hold(held);
  }

  #hold(held: Held): void {
    this.#memory.take(held.costBytes);
    this.#held.push(held);
  }

  #release(held: Held): void {
    held.chunk.release();
    this.#memory.give(held.costBytes);
  }

  #releaseDelivered(): void {
    while (this.#head < this.#held.length) {
      const held = this.#held[this.#head]!;
      if (held.dsn + held.bytes.length > this.#deliveredTo) break;
      this.#release(held);
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
      const { dsn: start, bytes } = this.#held[middle]!;
      if (start + bytes.length > dsn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function copyBehind(held: Held, bytes: Uint8Array): void {
  const { buffer, byteOffset, length } = held.bytes;
  held.bytes = new Uint8Array(buffer, byteOffset, length + bytes.length);
  held.bytes.set(bytes, length);
  held.roomBytes -= bytes.length;
}
