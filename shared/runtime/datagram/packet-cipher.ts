import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { GcmCalls, GcmContext } from '../kernel/gcm-calls.ts';
import { Slab } from '../udp/slab.ts';
import type { DirectionKeys } from './datagram-keys.ts';
import { HEADER_BYTES } from './packet-header.ts';

/** Of AES-128-GCM. */
export const TAG_BYTES = 16;

/** The AEAD of one direction of one epoch (SPEC.md section 13). */
export interface PacketCipher {
  /**
   * The sealed message: ciphertext and tag. Good until the next call.
   * @param header the packet's, 16 bytes
   */
  seal(header: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array;
  /** The message of a whole packet, which has MIN_PACKET_BYTES at least; undefined where it is not authentic. The caller may keep it. */
  open(packet: Uint8Array): Uint8Array | undefined;
  /** It is not used any more. */
  close(): void;
}

/** @param gcm OpenSSL's own calls, where they can be had */
export function packetCipher(keys: DirectionKeys, gcm: GcmCalls | undefined): PacketCipher {
  return gcm === undefined ? new NodeCipher(keys) : new OpensslCipher(keys, gcm);
}

/** Where the nonce's changing part begins, path and counter, in header and nonce. */
const NUMBER_AT = 8;
const NONCE_NUMBER_AT = 4;
const NONCE_BYTES = 12;

/** The iv XOR (4 zero bytes, path, counter), into the same memory each time. */
class Nonce {
  readonly #bytes: Uint8Array;
  readonly #iv: Uint8Array;

  constructor(iv: Uint8Array) {
    this.#iv = iv;
    this.#bytes = Uint8Array.from(iv);
  }

  set(header: Uint8Array): Uint8Array {
    for (let i = NONCE_NUMBER_AT; i < NONCE_BYTES; i++) {
      this.#bytes[i] = this.#iv[i]! ^ header[i - NONCE_NUMBER_AT + NUMBER_AT]!;
    }
    return this.#bytes;
  }
}

class OpensslCipher implements PacketCipher {
  readonly #gcm: GcmCalls;
  readonly #key: Uint8Array;
  readonly #nonce: Nonce;
  readonly #tag = new Uint8Array(TAG_BYTES);
  /** Only one of them is needed, as a rule. */
  #sealer: GcmContext | undefined;
  #opener: GcmContext | undefined;
  #sealed = new Uint8Array(2_048);
  readonly #messages = new Slab();

  constructor({ key, iv }: DirectionKeys, gcm: GcmCalls) {
    this.#gcm = gcm;
    this.#key = key;
    this.#nonce = new Nonce(iv);
  }

  seal(header: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (this.#sealed.length < length + TAG_BYTES) this.#sealed = new Uint8Array(length + TAG_BYTES);
    this.#sealer ??= this.#gcm.sealer(this.#key);
    const nonce = this.#nonce.set(header);
    this.#gcm.seal(this.#sealer, nonce, header, HEADER_BYTES, pieces, this.#sealed, this.#tag);
    for (let i = 0; i < TAG_BYTES; i++) this.#sealed[length + i] = this.#tag[i]!;
    return this.#sealed.subarray(0, length + TAG_BYTES);
  }

  open(packet: Uint8Array): Uint8Array | undefined {
    const end = packet.length - TAG_BYTES;
    for (let i = 0; i < TAG_BYTES; i++) this.#tag[i] = packet[end + i]!;
    const message = this.#messages.allocate(end - HEADER_BYTES);
    const ciphertext = packet.subarray(HEADER_BYTES, end);
    const nonce = this.#nonce.set(packet);
    this.#opener ??= this.#gcm.opener(this.#key);
    const isAuthentic = this.#gcm.open(
      this.#opener,
      nonce,
      packet,
      HEADER_BYTES,
      ciphertext,
      this.#tag,
      message,
    );
    return isAuthentic ? message : undefined;
  }

  close(): void {
    if (this.#sealer !== undefined) this.#gcm.free(this.#sealer);
    if (this.#opener !== undefined) this.#gcm.free(this.#opener);
    this.#sealer = undefined;
    this.#opener = undefined;
  }
}

class NodeCipher implements PacketCipher {
  readonly #key: Uint8Array;
  readonly #nonce: Nonce;

  constructor({ key, iv }: DirectionKeys) {
    this.#key = key;
    this.#nonce = new Nonce(iv);
  }

  seal(header: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonce.set(header), OPTIONS);
    cipher.setAAD(header);
    const sealed = pieces.map((piece) => cipher.update(piece));
    cipher.final();
    return Buffer.concat([...sealed, cipher.getAuthTag()]);
  }

  open(packet: Uint8Array): Uint8Array | undefined {
    const end = packet.length - TAG_BYTES;
    const header = packet.subarray(0, HEADER_BYTES);
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonce.set(header), OPTIONS);
    decipher.setAAD(header);
    decipher.setAuthTag(packet.subarray(end));
    const message = decipher.update(packet.subarray(HEADER_BYTES, end));
    try {
      decipher.final();
      return message;
    } catch {
      return undefined;
    }
  }

  close(): void {}
}

const ALGORITHM = 'aes-128-gcm';
const OPTIONS = { authTagLength: TAG_BYTES };
