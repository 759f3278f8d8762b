import { MisuseError } from '../../protocol/errors.ts';
import { type OutgoingChunk, OwnBytes } from '../../protocol/memory/chunk.ts';
import { type Block, type BlockPool, HEADROOM_BYTES, READ_BYTES } from './block-pool.ts';

/** What one read brought, in the pool's memory. A second `release` throws, since it would corrupt another connection. */
export class PooledChunk implements OutgoingChunk {
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

/** A copy in memory of its own, with the headroom in front. */
export function copyWithHeadroom(source: Uint8Array): OutgoingChunk {
  const memory = Buffer.allocUnsafe(HEADROOM_BYTES + source.length);
  memory.set(source, HEADROOM_BYTES);
  return new OwnBytes(memory.subarray(HEADROOM_BYTES), HEADROOM_BYTES);
}
