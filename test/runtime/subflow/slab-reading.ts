import {
  RECORD_BYTES,
  ReceiveMemory,
  ReceivePool,
  releaseReceived,
} from '../../../shared/runtime/subflow/receive-pool.ts';

/**
 * Reads as Node does, in slabs from the start: asks for a buffer, fills it, says how much, asks for the next. The clock stands, so that a
 * busy machine changes nothing.
 */
export class SlabReading {
  readonly memory = new ReceiveMemory(new ReceivePool(() => 0));
  readonly slabs = new Set<ArrayBufferLike>();
  #buffer = this.memory.next();

  constructor() {
    for (let i = 0; i < 3; i++) releaseReceived(this.read(0, RECORD_BYTES));
    this.slabs.clear();
  }

  read(value: number, length: number): Uint8Array {
    this.#buffer.fill(value, 0, length);
    const bytes = this.memory.take(length);
    this.#buffer = this.memory.next();
    this.slabs.add(bytes.buffer);
    return bytes;
  }
}
