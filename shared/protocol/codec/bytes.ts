import { MisuseError, ProtocolViolation } from '../errors.ts';
import { MAX_SEQUENCE } from './wire.ts';

const TWO_32 = 0x1_0000_0000;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function writeU16(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 8;
  target[offset + 1] = value;
}

export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Writes a safe integer as a 64-bit field. */
export function writeU64(target: Uint8Array, offset: number, value: number): void {
  writeU32(target, offset, Math.floor(value / TWO_32));
  writeU32(target, offset + 4, value % TWO_32);
}

export function readU16(source: Uint8Array, offset: number): number {
  return (source[offset]! << 8) | source[offset + 1]!;
}

export function readU32(source: Uint8Array, offset: number): number {
  return (
    ((source[offset]! << 24) |
      (source[offset + 1]! << 16) |
      (source[offset + 2]! << 8) |
      source[offset + 3]!) >>>
    0
  );
}

/** Reads a 64-bit field. @throws ProtocolViolation above 2^53 - 1. */
export function readU64(source: Uint8Array, offset: number): number {
  const value = readU32(source, offset) * TWO_32 + readU32(source, offset + 4);
  if (value > MAX_SEQUENCE) throw new ProtocolViolation('a 64-bit field is above 2^53 - 1');
  return value;
}

/** As long as most control frames are; longer ones double it. */
const FIRST_BODY_BYTES = 64;

/** Builds a frame body field by field. */
export class BodyWriter {
  #body = new Uint8Array(FIRST_BODY_BYTES);
  #length = 0;

  u8(value: number): this {
    const at = this.#take(1);
    this.#body[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#take(2);
    writeU16(this.#body, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#take(4);
    writeU32(this.#body, at, value);
    return this;
  }

  u64(value: number): this {
    const at = this.#take(8);
    writeU64(this.#body, at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#take(value.length);
    this.#body.set(value, at);
    return this;
  }

  /** A string of 1 to 255 bytes behind its length. @throws MisuseError for any other. */
  text(value: string): this {
    const encoded = encoder.encode(value);
    if (encoded.length === 0 || encoded.length > 255) {
      throw new MisuseError(`a text field of ${encoded.length} bytes; 1 to 255 fit`);
    }
    return this.u8(encoded.length).bytes(encoded);
  }

  /** A copy. */
  finish(): Uint8Array {
    return this.#body.slice(0, this.#length);
  }

  #take(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#body.length) {
      const longer = new Uint8Array(Math.max(2 * this.#body.length, this.#length));
      longer.set(this.#body);
      this.#body = longer;
    }
    return start;
  }
}

/** Reads a frame body field by field. Every read past the end is a ProtocolViolation that names the frame. */
export class BodyReader {
  readonly #body: Uint8Array;
  readonly #what: string;
  #offset = 0;

  constructor(body: Uint8Array, what: string) {
    this.#body = body;
    this.#what = what;
  }

  get remaining(): number {
    return this.#body.length - this.#offset;
  }

  u8(): number {
    return this.#body[this.#take(1)]!;
  }

  u16(): number {
    return readU16(this.#body, this.#take(2));
  }

  u32(): number {
    return readU32(this.#body, this.#take(4));
  }

  u64(): number {
    return readU64(this.#body, this.#take(8));
  }

  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#body.subarray(start, start + count);
  }

  /** A string of 1 to 255 bytes behind its length. */
  text(): string {
    const length = this.u8();
    if (length === 0) throw new ProtocolViolation(`${this.#what}: empty text`);
    try {
      return decoder.decode(this.bytes(length));
    } catch (error) {
      if (error instanceof ProtocolViolation) throw error;
      throw new ProtocolViolation(`${this.#what}: text is not UTF-8`);
    }
  }

  #take(count: number): number {
    const start = this.#offset;
    if (start + count > this.#body.length) throw new ProtocolViolation(`${this.#what}: body too short`);
    this.#offset = start + count;
    return start;
  }
}

/** One buffer out of several. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The same bytes with neighbours below `smallBytes` copied together: to a transport each buffer costs more than its bytes. */
export function joinSmall(buffers: readonly Uint8Array[], smallBytes: number): readonly Uint8Array[] {
  if (buffers.length < 2) return buffers;
  const joined: Uint8Array[] = [];
  for (let start = 0; start < buffers.length; ) {
    let end = start;
    while (end < buffers.length && buffers[end]!.length < smallBytes) end++;
    if (end - start > 1) joined.push(concatBytes(...buffers.slice(start, end)));
    else joined.push(buffers[start]!);
    start = Math.max(end, start + 1);
  }
  return joined;
}
