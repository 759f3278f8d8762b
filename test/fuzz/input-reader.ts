import { readU32 } from '../../shared/protocol/codec/bytes.ts';

/** Takes numbers and bytes of an input, from its front; zeros and nothing where it is used up. */
export class InputReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return readU32(Uint8Array.of(this.u8(), this.u8(), this.u8(), this.u8()), 0);
  }

  /** A number of any size, small ones more often. */
  number(): number {
    const kind = this.u8();
    if (kind < 0x80) return kind;
    if (kind < 0xc0) return this.u16();
    if (kind < 0xf0) return this.u32();
    return kind < 0xf8 ? this.u32() * 0x10_0000 + this.u16() : Number.MAX_SAFE_INTEGER - this.u8();
  }

  /** Up to `most` bytes, as many as the next byte says. */
  short(most = 255): Uint8Array {
    return this.take(Math.min(this.u8(), most));
  }

  take(length: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length);
  }

  /** The rest in pieces whose lengths the input says, too. */
  *pieces(): Generator<Uint8Array> {
    while (!this.isOver) {
      const length = this.u8();
      // Often all at once: then the rest is a message as it is.
      yield length >= 0x80 ? this.rest() : this.take(1 + length);
    }
  }
}
