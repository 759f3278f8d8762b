import type { ReceivedChunk } from '../../../shared/protocol/memory/chunk.ts';
import { RECORD_BYTES, ReceivePool, SubflowReader } from '../../../shared/runtime/subflow/receive-pool.ts';

/**
 * Reads as Node does, in slabs from the start: asks for a buffer, fills it, says how much, asks for the next. The clock stands, so that a
 * busy machine changes nothing.
 */
export class SlabReading {
  readonly slabs = new Set<ArrayBufferLike>();
  readonly #reader = new SubflowReader(new ReceivePool(() => 0));
  #buffer = this.#reader.next();

  constructor() {
    for (let i = 0; i < 3; i++) this.read(0, RECORD_BYTES).release();
    this.slabs.clear();
  }

  read(value: number, length: number): ReceivedChunk {
    this.#buffer.fill(value, 0, length);
    const chunk = this.#reader.take(length);
    this.#buffer = this.#reader.next();
    this.slabs.add(chunk.bytes.buffer);
    return chunk;
  }
}
