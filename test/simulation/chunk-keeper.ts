import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { Random } from './random.ts';

const HEADROOM_BYTES = 24;
const POISON = 0xee;

/** Lends memory to sessions, some of it with room for a header, and overwrites it the moment it comes back. */
export class ChunkKeeper {
  /** Chunks that were lent and have not come back. */
  lent = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  make(content: Uint8Array): OutgoingChunk {
    const headroomBytes = this.#random.chance(0.5) ? HEADROOM_BYTES : 0;
    const memory = Buffer.allocUnsafeSlow(headroomBytes + content.length);
    memory.set(content, headroomBytes);
    this.lent++;
    let isReleased = false;
    return {
      bytes: memory.subarray(headroomBytes),
      headroomBytes,
      release: () => {
        if (isReleased) throw new Error('a chunk was released twice');
        isReleased = true;
        this.lent--;
        memory.fill(POISON);
      },
    };
  }
}
