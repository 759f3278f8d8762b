import { RECORD_BYTES, ReceiveMemory, releaseReceived } from '../../../shared/runtime/net/receive-memory.ts';

/** Reads as Node does, in slabs from the start: asks for a buffer, fills it, says how much, asks for the next. */
export class SlabReading {
  readonly memory = new ReceiveMemory();
  readonly slabs = new Set<ArrayBufferLike>();
  #buffer = this.memory.next();

  constructor() {
    for (let i = 0; i < 3; i++) releaseReceived(this.read(0, RECORD_BYTES));
  }

  read(value: number, length: number): Uint8Array {
    this.#buffer.fill(value, 0, length);
    const bytes = this.memory.take(length);
    this.#buffer = this.memory.next();
    this.slabs.add(bytes.buffer);
    return bytes;
  }
}
