import { MisuseError } from '../../protocol/errors.ts';
import type { AppChunk } from './app-socket.ts';
import { type Block, type BlockPool, HEADROOM_BYTES, READ_BYTES } from './block-pool.ts';

/** What one read brought, in the pool's memory. A second `release` throws: it would corrupt another connection. */
export class PooledChunk implements AppChunk {
  readonly bytes: Uint8Array;
  readonly headroomBytes = HEADROOM_BYTES;
  readonly #pool: BlockPool;
  #block: Block | undefined;

  constructor(pool: BlockPool, block: Block, length: number) {
    this.#pool = pool;
    this.#block = block;
    this.bytes = length === READ_BYTES ? block.readable : block.readable.subarray(0, length);
  }

  release(): void {
    if (this.#block === undefined) throw new MisuseError('an application chunk was released twice');
    this.#pool.release(this.#block);
    this.#block = undefined;
  }
}

/** What one read brought, in memory of its own, with the headroom in front where `headroomBytes` says so. */
export class OwnChunk implements AppChunk {
  readonly bytes: Uint8Array;
  readonly headroomBytes: number;

  constructor(bytes: Uint8Array, headroomBytes: number) {
    this.bytes = bytes;
    this.headroomBytes = headroomBytes;
  }

  static copyOf(source: Uint8Array): OwnChunk {
    const memory = Buffer.allocUnsafe(HEADROOM_BYTES + source.length);
    memory.set(source, HEADROOM_BYTES);
    return new OwnChunk(memory.subarray(HEADROOM_BYTES), HEADROOM_BYTES);
  }

  /** Nothing to do: the garbage collector has it. */
  release(): void {}
}
