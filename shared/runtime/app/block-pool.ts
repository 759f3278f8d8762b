import type { MonotonicClock } from '../clock.ts';

/** Room in front of what is read, for the header of the frame that carries it (SPEC.md, DATA). */
export const HEADROOM_BYTES = 24;
/** With the headroom exactly sixteen full TLS records (16384 bytes each, RFC 8446 section 5.1): the longest frame. */
export const BLOCK_BYTES = 262_144;
/** What one read of a quiet connection can bring at most: libuv's own choice of size. */
export const SCRATCH_BYTES = 65_536;
/** What one read into a block can bring at most. */
export const READ_BYTES = BLOCK_BYTES - HEADROOM_BYTES;

/** One buffer to read into: `readable` is `memory` without the headroom. */
export interface Block {
  readonly memory: Buffer;
  readonly readable: Buffer;
}

/**
 * The read buffers of all application connections of a process. A block has one owner at a time: the connection
 * that reads into it, then whoever holds the chunk that was read, until it comes back here.
 *
 * At the bound `acquire` answers undefined and the connection reads through `scratch`, with one copy into memory
 * of the right size: slower, never stuck, and the streams' own backlog bounds still hold.
 */
export class BlockPool {
  /**
   * Where connections without a block read: shared by all of them, since Node calls back in the same breath as
   * it reads, and its contents are copied out in that callback. So an idle connection pins no memory, but for the one
   * block of a bulk connection whose last read was full.
   */
  readonly scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  /** Readers tell by it whether their connection is a bulk transfer. */
  readonly clock: MonotonicClock;
  readonly #maxBlocks: number;
  readonly #free: Block[] = [];
  #blocksInUse = 0;

  /** `maxBytes` bounds the blocks that are out at one time. */
  constructor(clock: MonotonicClock, maxBytes: number = DEFAULT_POOL_BYTES) {
    this.clock = clock;
    this.#maxBlocks = Math.floor(maxBytes / BLOCK_BYTES);
  }

  /** Bytes of the blocks that are out now. */
  get usedBytes(): number {
    return this.#blocksInUse * BLOCK_BYTES;
  }

  acquire(): Block | undefined {
    if (this.#blocksInUse >= this.#maxBlocks) return undefined;
    this.#blocksInUse += 1;
    return this.#free.pop() ?? newBlock();
  }

  /** Only the owner may call this, once: afterwards the memory is another connection's. */
  release(block: Block): void {
    this.#blocksInUse -= 1;
    if (this.#free.length < MAX_FREE_BLOCKS) this.#free.push(block);
  }
}

/** Read and not yet written on, by all connections: a second of 500 Mbit/s. */
const DEFAULT_POOL_BYTES = 64 * 1024 * 1024;
/** Kept for the next burst: 8 MiB; the garbage collector has the rest. */
const MAX_FREE_BLOCKS = 32;

function newBlock(): Block {
  const memory = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  return { memory, readable: memory.subarray(HEADROOM_BYTES) };
}
