/** Buffers grow with what was gathered before, between these: few bytes take little, and many lie in few pieces. */
const MIN_BUFFER_BYTES = 256;
const MAX_BUFFER_BYTES = 64 * 1024;
/** The share of what was gathered that the next buffer is as long as. */
const GROWTH = 1 / 2;
const NOTHING = new Uint8Array(0);

/**
 * Bytes that wait for their receiver, copied together: they take little more memory than their number, in however small pieces
 * they come.
 */
export class GatheredBytes {
  #full: Uint8Array[] = [];
  #last: Uint8Array = NOTHING;
  #lastUsed = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array): void {
    const fits = Math.min(bytes.length, this.#last.length - this.#lastUsed);
    if (fits > 0) this.#append(bytes.subarray(0, fits));
    if (fits === bytes.length) return;
    const rest = bytes.subarray(fits);
    this.#close();
    const usual = Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, Math.ceil(this.#length * GROWTH)));
    this.#last = new Uint8Array(Math.max(usual, rest.length));
    this.#append(rest);
  }

  /** All of them, in order and in few pieces; nothing is left. */
  take(): Uint8Array[] {
    this.#close();
    const pieces = this.#full;
    this.#full = [];
    this.#length = 0;
    return pieces;
  }

  #append(bytes: Uint8Array): void {
    this.#last.set(bytes, this.#lastUsed);
    this.#lastUsed += bytes.length;
    this.#length += bytes.length;
  }

  #close(): void {
    if (this.#lastUsed > 0) this.#full.push(this.#last.subarray(0, this.#lastUsed));
    this.#last = NOTHING;
    this.#lastUsed = 0;
  }
}
