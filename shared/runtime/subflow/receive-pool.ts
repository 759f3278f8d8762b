import { MisuseError } from '../../protocol/errors.ts';
import { type Chunk, OwnBytes, type ReceivedChunk } from '../../protocol/memory/chunk.ts';
import type { MonotonicClock } from '../clock.ts';

/** Four full TLS records. Not more, since a few bytes of a stalled stream keep a whole slab in use. */
export const SLAB_BYTES = 65_536;
/** Plaintext of a full TLS record (RFC 8446 section 5.1), and so of one read. */
export const RECORD_BYTES = 16_384;
/** A read this soon after a full one belongs to bulk, and so will the next: above 26 Mbit/s, or in bursts. */
const BULK_GAP_MS = 5;
/** Kept for the next burst: 4 MiB; the garbage collector has the rest. */
const MAX_FREE_SLABS = 64;
/** What all slabs in use may take by default. Applications that take what comes need some hundred KiB each at any time. */
const DEFAULT_POOL_BYTES = 32 * 1024 * 1024;

/**
 * The memory that all subflows of a process are read into. Busy subflows read record after record into slabs that are used
 * again: a new buffer for each of a gigabyte's 65,000 records would keep the garbage collector busy. At the bound, subflows read
 * as quiet ones do, and copy: a few bytes for an application that does not read keep a whole slab, and no budget counts that.
 */
export class ReceivePool {
  /** Readers tell by it whether their subflow is busy. */
  readonly clock: MonotonicClock;
  /** Quiet subflows read into this buffer. Node calls back right after each read, and the callback copies what came. */
  readonly scratch: Uint8Array<ArrayBuffer> = new Uint8Array(SLAB_BYTES);
  readonly #maxSlabs: number;
  readonly #free: Slab[] = [];
  #slabsInUse = 0;

  constructor(clock: MonotonicClock, maxBytes = DEFAULT_POOL_BYTES) {
    this.clock = clock;
    this.#maxSlabs = Math.floor(maxBytes / SLAB_BYTES);
  }

  /** An empty slab, whose one holder is the caller; undefined at the bound. */
  take(): Slab | undefined {
    if (this.#slabsInUse >= this.#maxSlabs) return undefined;
    this.#slabsInUse++;
    const slab = this.#free.pop() ?? new Slab(this);
    slab.retain();
    return slab;
  }

  /** Nobody holds the slab any more. */
  giveBack(slab: Slab): void {
    this.#slabsInUse--;
    if (this.#free.length < MAX_FREE_SLABS) this.#free.push(slab);
  }
}

/** A piece of a pool's memory. It counts who reads it or reads into it. */
class Slab {
  readonly memory = new ArrayBuffer(SLAB_BYTES);
  usedBytes = 0;
  readonly #pool: ReceivePool;
  #holders = 0;

  constructor(pool: ReceivePool) {
    this.#pool = pool;
  }

  retain(): void {
    this.#holders++;
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    this.usedBytes = 0;
    this.#pool.giveBack(this);
  }
}

/** A chunk in a slab: what one read brought, or a part of that. */
class SlabChunk implements ReceivedChunk {
  readonly bytes: Uint8Array;
  #slab: Slab | undefined;

  constructor(bytes: Uint8Array, slab: Slab) {
    this.bytes = bytes;
    this.#slab = slab;
    slab.retain();
  }

  keep(part: Uint8Array): Chunk {
    if (this.#slab === undefined) throw new MisuseError('a part of a chunk was kept after its release');
    return new SlabChunk(part, this.#slab);
  }

  release(): void {
    const slab = this.#slab;
    // Otherwise another stream's bytes would be handed on.
    if (slab === undefined) throw new MisuseError('a received chunk was released twice');
    this.#slab = undefined;
    slab.release();
  }
}

/**
 * Gives one subflow its read buffers. A quiet subflow holds no slab, except for the last one if it was busy until just now.
 */
export class SubflowReader {
  readonly #pool: ReceivePool;
  #slab: Slab | undefined;
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #isBulk = false;

  constructor(pool: ReceivePool) {
    this.#pool = pool;
  }

  /** What a read into the last `next()` brought. */
  take(length: number): ReceivedChunk {
    const nowMs = this.#pool.clock();
    this.#isBulk = nowMs - this.#lastFullMs <= BULK_GAP_MS;
    if (length >= RECORD_BYTES) this.#lastFullMs = nowMs;
    const slab = this.#slab;
    if (slab === undefined) return new OwnBytes(this.#pool.scratch.slice(0, length));
    const bytes = new Uint8Array(slab.memory, slab.usedBytes, length);
    slab.usedBytes += length;
    return new SlabChunk(bytes, slab);
  }

  /** The buffer for the next read. Call it right after `take`, whose time decides which buffer it is. */
  next(): Uint8Array {
    if (!this.#isBulk) {
      this.close();
      return this.#pool.scratch;
    }
    if (this.#slab === undefined || this.#slab.usedBytes + RECORD_BYTES > SLAB_BYTES) {
      this.close();
      this.#slab = this.#pool.take();
      if (this.#slab === undefined) return this.#pool.scratch;
    }
    return new Uint8Array(this.#slab.memory, this.#slab.usedBytes);
  }

  /** Nothing more will be read into what `next()` returned. */
  close(): void {
    this.#slab?.release();
    this.#slab = undefined;
  }
}
