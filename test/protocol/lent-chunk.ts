import type { Chunk, ReceivedChunk } from '../../shared/protocol/memory/chunk.ts';

const RUBBISH = 0xdd;

/** What a chunk and its parts share. */
interface Loan {
  readonly memory: Uint8Array;
  holders: number;
}

/**
 * Received bytes in memory that is used again, as in the runtime, as soon as the chunk and all of its parts are released: whoever
 * reads it later reads rubbish. A second release throws.
 */
export class LentChunk implements ReceivedChunk {
  readonly bytes: Uint8Array;
  readonly #loan: Loan;
  #isReleased = false;

  /** @param loan of the chunk that this one is a part of */
  constructor(bytes: Uint8Array, loan?: Loan) {
    this.bytes = loan === undefined ? new Uint8Array(bytes) : bytes;
    this.#loan = loan ?? { memory: this.bytes, holders: 0 };
    this.#loan.holders++;
  }

  /** Whether the memory is used again. */
  get isBack(): boolean {
    return this.#loan.holders === 0;
  }

  keep(part: Uint8Array): Chunk {
    if (this.#isReleased) throw new Error('a part was kept after the release');
    return new LentChunk(part, this.#loan);
  }

  release(): void {
    if (this.#isReleased) throw new Error('a received chunk was released twice');
    this.#isReleased = true;
    this.#loan.holders--;
    if (this.isBack) this.#loan.memory.fill(RUBBISH);
  }
}
