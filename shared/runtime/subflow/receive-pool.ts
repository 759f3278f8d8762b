import { MisuseError } from '../../protocol/errors.ts';
import type { MonotonicClock } from '../clock.ts';

/** Four full TLS records. Not more, since a few bytes for a stalled stream keep a whole slab out of use. */
export const SLAB_BYTES = 65_536;
/** Plaintext of a full TLS record (RFC 8446 section 5.1), and so of one read. */
export const RECORD_BYTES = 16_384;
/** A read this soon after a full one belongs to bulk, and so will the next: above 26 Mbit/s, or in bursts. */
const BULK_GAP_MS = 5;
/** Kept for the next burst: 4 MiB; the garbage collector has the rest. */
const MAX_FREE_SLABS = 64;

interface Slab {
  readonly pool: ReceivePool;
  readonly memory: ArrayBuffer;
  usedBytes: number;
  /** Read, and neither parsed nor handed back yet. */
  heldBytes: number;
  isReadInto: boolean;
}

/** Which memory is a slab's. One that nobody hands back is the garbage collector's, like any other. */
const slabs = new WeakMap<ArrayBufferLike, Slab>();

/**
 * `length` of these bytes, which a subflow brought, are needed no more; each byte may be handed back once. Memory that did not come from
 * here is left alone, so whoever is not sure that he is the last to read may leave it out.
 */
export function releaseReceived(bytes: Uint8Array, length: number = bytes.length): void {
  const slab = slabs.get(bytes.buffer);
  if (slab === undefined) return;
  slab.heldBytes -= length;
  // Better no program than one that hands on another stream's bytes.
  if (slab.heldBytes < 0) throw new MisuseError('received bytes were handed back twice');
  slab.pool.reuse(slab);
}

/** Whether keeping `bytes` keeps a slab out of use. */
export function pinsSlab(bytes: Uint8Array): boolean {
  return slabs.has(bytes.buffer);
}

/** The memory that all subflows of a process are read into. */
export class ReceivePool {
  /** Readers tell by it whether their subflow is busy. */
  readonly clock: MonotonicClock;
  /** Where quiet subflows read: Node calls back in the same breath as it reads, and what came is copied out then. */
  readonly scratch: Uint8Array<ArrayBuffer> = new Uint8Array(SLAB_BYTES);
  readonly #free: Slab[] = [];

  constructor(clock: MonotonicClock) {
    this.clock = clock;
  }

  /** A slab that nobody reads any more, or a new one. */
  takeSlab(): Slab {
    let slab = this.#free.pop();
    if (slab === undefined) {
      const memory = new ArrayBuffer(SLAB_BYTES);
      slab = { pool: this, memory, usedBytes: 0, heldBytes: 0, isReadInto: true };
      slabs.set(memory, slab);
    }
    slab.isReadInto = true;
    return slab;
  }

  /** Keeps the slab for the next reader, once nobody reads it or reads into it. */
  reuse(slab: Slab): void {
    if (slab.isReadInto || slab.heldBytes > 0 || this.#free.length >= MAX_FREE_SLABS) return;
    slab.usedBytes = 0;
    this.#free.push(slab);
  }
}

/**
 * Gives one subflow its read buffers. A busy one reads record after record into slabs that are used again: a new
 * buffer for each of a gigabyte's 65,000 records would keep the garbage collector busy. A quiet one pins nothing, but
 * for the one slab of a busy one that has just fallen quiet.
 */
export class ReceiveMemory {
  readonly #pool: ReceivePool;
  #slab: Slab | undefined;
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #isBulk = false;

  constructor(pool: ReceivePool) {
    this.#pool = pool;
  }

  /** What a read into the last `next()` brought; the receiver's to keep, or to hand back by `releaseReceived`. */
  take(length: number): Uint8Array {
    const nowMs = this.#pool.clock();
    this.#isBulk = nowMs - this.#lastFullMs <= BULK_GAP_MS;
    if (length >= RECORD_BYTES) this.#lastFullMs = nowMs;
    const slab = this.#slab;
    if (slab === undefined) return this.#pool.scratch.slice(0, length);
    const bytes = new Uint8Array(slab.memory, slab.usedBytes, length);
    slab.usedBytes += length;
    slab.heldBytes += length;
    return bytes;
  }

  /** Where the next read goes; asked right after `take`, by whose time it goes. */
  next(): Uint8Array {
    if (!this.#isBulk) {
      this.close();
      return this.#pool.scratch;
    }
    if (this.#slab === undefined || this.#slab.usedBytes + RECORD_BYTES > SLAB_BYTES) {
      this.close();
      this.#slab = this.#pool.takeSlab();
    }
    return new Uint8Array(this.#slab.memory, this.#slab.usedBytes);
  }

  /** Nothing more will be read into what `next()` gave. */
  close(): void {
    if (this.#slab === undefined) return;
    this.#slab.isReadInto = false;
    this.#pool.reuse(this.#slab);
    this.#slab = undefined;
  }
}
