import type { OnReadOpts } from 'node:net';
import type { OutgoingChunk } from '../../protocol/memory/chunk.ts';
import { copyWithHeadroom, PooledChunk } from './app-chunk.ts';
import { type Block, type BlockPool, SCRATCH_BYTES } from './block-pool.ts';

/** Full reads that follow each other within this time make a bulk connection: above 100 Mbit/s. */
const BULK_GAP_MS = 5;

/**
 * Gives one socket its read buffers, by `net.Socket`'s option `onread`.
 *
 * A quiet connection, or one whose uplinks are slow, reads into the pool's shared scratch buffer and copies what came, so it
 * holds only what it read. A connection that fills its reads in quick succession reads into large blocks of its own,
 * without a copy, until a read is short or late.
 */
export class PooledReader {
  readonly onread: OnReadOpts;
  /** Where the chunks go; set before the socket reads. */
  sink: (chunk: OutgoingChunk) => void = (chunk) => chunk.release();
  readonly #pool: BlockPool;
  /** The block that Node reads into; undefined while that is the scratch buffer. */
  #block: Block | undefined;
  #isBulk = false;
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
    this.sink(
      block ? new PooledChunk(this.#pool, block, length) : copyWithHeadroom(buffer.subarray(0, length)),
    );
    return true;
  }

  #judge(length: number): void {
    this.#isBulk = false;
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
    return this.#block?.readable ?? this.#pool.scratch;
  }
}
