import type { OnReadOpts } from 'node:net';
import type { OutgoingChunk } from '../../protocol/memory/chunk.ts';
import { copyWithHeadroom, PooledChunk } from './app-chunk.ts';
import { type Block, type BlockPool, FIRST_READ_BYTES, SCRATCH_BYTES } from './block-pool.ts';

/** Full reads that follow each other within this time make a bulk connection: above 100 Mbit/s. */
const BULK_GAP_MS = 5;

/**
 * Gives one socket its read buffers, by `net.Socket`'s option `onread`.
 *
 * A quiet connection, or one whose uplinks are slow, reads into the pool's shared scratch buffer and copies what came, so it
 * holds only what it read: at first a little, and more once a read was full. A connection that fills its reads in quick
 * succession reads into large blocks of its own, without a copy, until a read is short or late.
 */
export class PooledReader {
  readonly onread: OnReadOpts;
  /** Where the chunks go; set before the socket reads. */
  sink: (chunk: OutgoingChunk) => void = (chunk) => chunk.release();
  readonly #pool: BlockPool;
  /** The block that Node reads into; undefined while that is the scratch buffer. */
  #block: Block | undefined;
  #isBulk = false;
  /** The last read was full. */
  #isMore = false;
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(pool: BlockPool) {
    this.#pool = pool;
    this.onread = {
      buffer: () => this.#nextBuffer(),
      callback: (length, buffer) => this.#onRead(length, buffer),
    };
  }

  /** The socket will not read again (FIN, or closed): gives its block back. Earlier, the kernel might still fill it. */
  stop(): void {
    this.#stopped = true;
    if (this.#block !== undefined) this.#pool.release(this.#block);
    this.#block = undefined;
  }

  #onRead(length: number, buffer: Uint8Array): boolean {
    const block = this.#block;
    this.#block = undefined;
    this.#judge(length);
    this.sink(this.#chunkOf(block, buffer, length));
    return true;
  }

  /** A short read is copied out of its block: a few bytes would keep all of it. */
  #chunkOf(block: Block | undefined, buffer: Uint8Array, length: number): OutgoingChunk {
    if (block !== undefined && length >= SCRATCH_BYTES) return new PooledChunk(this.#pool, block, length);
    const copy = copyWithHeadroom(buffer.subarray(0, length));
    if (block !== undefined) this.#pool.release(block);
    return copy;
  }

  #judge(length: number): void {
    this.#isBulk = false;
    this.#isMore = length >= FIRST_READ_BYTES;
    if (length < SCRATCH_BYTES) return;
    const nowMs = this.#pool.clock();
    this.#isBulk = nowMs - this.#lastFullMs <= BULK_GAP_MS;
    this.#lastFullMs = nowMs;
  }

  /**
   * Node asks right after each callback. If it got nothing it would silently read into the old buffer again, so this always
   * returns memory that is free.
   */
  #nextBuffer(): Uint8Array {
    if (this.#isBulk && !this.#stopped) this.#block = this.#pool.acquire();
    return this.#block?.readable ?? (this.#isMore ? this.#pool.scratch : this.#pool.firstScratch);
  }
}
