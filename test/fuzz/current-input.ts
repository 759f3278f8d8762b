/** Longer inputs of a hanging target are shown up to here. */
const MAX_BYTES = 8_192;
const LENGTH = 0;
const COUNT = 1;
const HEADER_BYTES = 8;

/** The input that a thread runs now, in memory that another thread can see: it may never come back from it. */
export class CurrentInput {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + MAX_BYTES)) {
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, 2);
    this.#bytes = new Uint8Array(buffer, HEADER_BYTES);
  }

  /** How many there were; wraps around. */
  get count(): number {
    return Atomics.load(this.#header, COUNT);
  }

  get input(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#header, LENGTH));
  }

  set(input: Uint8Array): void {
    const length = Math.min(input.length, MAX_BYTES);
    this.#bytes.set(input.subarray(0, length));
    Atomics.store(this.#header, LENGTH, length);
    Atomics.add(this.#header, COUNT, 1);
  }
}
