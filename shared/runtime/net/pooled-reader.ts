import type { OnReadOpts } from 'node:net';
import { OwnChunk, PooledChunk } from './app-chunk.ts';
import type { AppChunk } from './app-socket.ts';
import { type Block, type BlockPool, READ_BYTES } from './block-pool.ts';

/**
 * Gives one socket its read buffers, by `net.Socket`'s option `onread`.
 *
 * A quiet connection reads into the pool's shared scratch buffer and copies out what came, so while idle it pins
 * no memory. When a read fills the buffer there is more where it came from: the next goes into a block of the
 * connection's own, without copy, until one comes back short.
 */
export class PooledReader {
  readonly onread: OnReadOpts;
  /** Where the chunks go; set before the socket reads. */
  sink: (chunk: AppChunk) => void = (chunk) => chunk.release();
  readonly #pool: BlockPool;
  /** The block that Node reads into; undefined while that is the scratch buffer. */
  #block: Block | undefined;
  #bulk = false;
  #stopped = false;

  constructor(pool: BlockPool) {
    this.#pool = pool;
    this.onread = {
      buffer: () => this.#nextBuffer(),
      callback: (length, buffer) => this.#onRead(length, buffer),
    };
  }

  /** The socket will read no more (FIN or closed): gives its block back. Not before, or the kernel may fill it. */
  stop(): void {
    this.#stopped = true;
    if (this.#block !== undefined) this.#pool.release(this.#block);
    this.#block = undefined;
  }

  #onRead(length: number, buffer: Uint8Array): boolean {
    const block = this.#block;
    this.#block = undefined;
    this.#bulk = length === READ_BYTES;
    this.sink(
      block ? new PooledChunk(this.#pool, block, length) : OwnChunk.copyOf(buffer.subarray(0, length)),
    );
    return true;
  }

  /**
   * Node asks right after each callback, and would silently read into the old buffer again if it got none:
   * so this always answers, with memory that is free.
   */
  #nextBuffer(): Uint8Array {
    if (this.#bulk && !this.#stopped) this.#block = this.#pool.acquire();
    return this.#block?.readable ?? this.#pool.scratch;
  }
}
