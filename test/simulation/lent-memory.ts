import { OwnBytes, type ReceivedChunk } from '../../shared/protocol/memory/chunk.ts';
import { LentChunk } from '../protocol/lent-chunk.ts';

/**
 * Lends what a session receives, and knows what it keeps for too long. So it goes with one in LEND_EVERY of what arrives: with
 * all, the copies would take a quarter of the simulation's time.
 */
export class LentMemory {
  #lent: LentChunk[] = [];
  #arrivals = 0;

  lend(bytes: Uint8Array): ReceivedChunk {
    if (this.#arrivals++ % LEND_EVERY > 0) return new OwnBytes(bytes);
    const chunk = new LentChunk(bytes);
    this.#lent.push(chunk);
    return chunk;
  }

  /** All events were taken, and what they brought is released. */
  checkAllBack(): void {
    const kept = this.#lent.filter(({ isBack }) => !isBack);
    if (kept.length > 0) throw new Error(`${kept.length} received chunk(s) are never released`);
    this.#lent = [];
  }
}

const LEND_EVERY = 8;
