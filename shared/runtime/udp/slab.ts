/** What is kept of it keeps all of it from being freed. */
const SLAB_BYTES = 16 * 1024;

/** Memory for many small arrays. One of its own for each would cost more than a packet's encryption. */
export class Slab {
  #memory = new ArrayBuffer(0);
  #used = 0;

  /** An array of its own, for good. */
  allocate(length: number): Uint8Array {
    if (this.#used + length > this.#memory.byteLength) {
      this.#memory = new ArrayBuffer(Math.max(SLAB_BYTES, length));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    return new Uint8Array(this.#memory, at, length);
  }

  /** What stands in `bytes` from `start` on. */
  copy(bytes: Uint8Array, start = 0): Uint8Array {
    const copy = this.allocate(bytes.length - start);
    copy.set(start === 0 ? bytes : bytes.subarray(start));
    return copy;
  }
}
