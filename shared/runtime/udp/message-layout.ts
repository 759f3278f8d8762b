import { MAX_SOCKET_ADDRESS_BYTES } from '../kernel/socket-address.ts';

// include/linux/socket.h, on 64-bit machines: `struct mmsghdr` is `struct msghdr`, and how long the datagram is.
export const HEADER_BYTES = 64;
const NAME_AT = 0;
const NAME_LENGTH_AT = 8;
const VECTOR_AT = 16;
const VECTOR_COUNT_AT = 24;
const CONTROL_AT = 32;
const CONTROL_LENGTH_AT = 40;
const LENGTH_AT = 56;
/** `struct cmsghdr`, and two bytes, aligned. */
const CONTROL_BYTES = 24;
// include/uapi/linux/udp.h
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
/** `struct iovec`: where, and how many bytes. */
const VECTOR_BYTES = 16;
/** `struct sockaddr_in6`, aligned. */
const NAME_BYTES = 32;

/**
 * Headers for many datagrams a system call (sendmmsg(2), recvmmsg(2)), each with one piece of memory and one address, in memory that
 * does not move.
 */
export class MessageHeaders {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #names: Uint8Array;
  readonly #count: number;
  readonly #controlsAt: number;

  /** @param addressOf as in `MessageCalls` */
  constructor(count: number, addressOf: (bytes: Uint8Array) => number) {
    const memory = new ArrayBuffer(count * (HEADER_BYTES + VECTOR_BYTES + NAME_BYTES + CONTROL_BYTES));
    this.#controlsAt = count * (HEADER_BYTES + VECTOR_BYTES + NAME_BYTES);
    this.#count = count;
    this.#words = new Uint32Array(memory);
    this.bytes = new Uint8Array(memory, 0, count * HEADER_BYTES);
    this.#names = new Uint8Array(memory, count * (HEADER_BYTES + VECTOR_BYTES));
    const start = addressOf(new Uint8Array(memory));
    for (let i = 0; i < count; i++) {
      const at = i * HEADER_BYTES;
      this.#setPointer(at + NAME_AT, start + count * (HEADER_BYTES + VECTOR_BYTES) + i * NAME_BYTES);
      this.#setPointer(at + VECTOR_AT, start + count * HEADER_BYTES + i * VECTOR_BYTES);
      this.#setPointer(at + CONTROL_AT, start + this.#controlsAt + i * CONTROL_BYTES);
      const control = (this.#controlsAt + i * CONTROL_BYTES) / 4;
      // `cmsg_len`, which is eight bytes, then level and type.
      this.#words.set([CONTROL_BYTES - 6, 0, SOL_UDP, UDP_SEGMENT], control);
      this.#words[(at + VECTOR_COUNT_AT) / 4] = 1;
      this.#words[(at + NAME_LENGTH_AT) / 4] = MAX_SOCKET_ADDRESS_BYTES;
    }
  }

  /** Where a datagram's memory is. */
  setMemory(index: number, address: number, length: number): void {
    const at = this.#count * HEADER_BYTES + index * VECTOR_BYTES;
    this.#setPointer(at, address);
    this.#words[at / 4 + 2] = length;
  }

  /** Where a datagram goes; undefined where its socket has a peer. */
  setName(index: number, name: Uint8Array | undefined): void {
    this.#words[(index * HEADER_BYTES + NAME_LENGTH_AT) / 4] = name?.length ?? 0;
    if (name !== undefined) this.#names.set(name, index * NAME_BYTES);
  }

  /** The memory is several datagrams of so many bytes, the last of which may be shorter (udp(7), UDP_SEGMENT); 0: it is one. */
  setSegments(index: number, bytes: number): void {
    this.#words[(index * HEADER_BYTES + CONTROL_LENGTH_AT) / 4] = bytes === 0 ? 0 : CONTROL_BYTES;
    this.#words[(this.#controlsAt + index * CONTROL_BYTES) / 4 + 4] = bytes;
  }

  /** Port and family, then address, of where a datagram came from: the first two words of `struct sockaddr_in`. */
  nameWord(index: number, which: 0 | 1): number {
    return this.#words[(this.#names.byteOffset + index * NAME_BYTES) / 4 + which]!;
  }

  /** The same, all of it. */
  name(index: number): Uint8Array {
    return this.#names.subarray(index * NAME_BYTES, index * NAME_BYTES + MAX_SOCKET_ADDRESS_BYTES);
  }

  /** Makes room for the address of what comes. */
  clearName(index: number): void {
    this.#words[(index * HEADER_BYTES + NAME_LENGTH_AT) / 4] = MAX_SOCKET_ADDRESS_BYTES;
  }

  /** How many bytes of a datagram have come. */
  length(index: number): number {
    return this.#words[(index * HEADER_BYTES + LENGTH_AT) / 4]!;
  }

  #setPointer(at: number, address: number): void {
    this.#words[at / 4] = address % LOW_WORD;
    this.#words[at / 4 + 1] = Math.floor(address / LOW_WORD);
  }
}

const LOW_WORD = 2 ** 32;
