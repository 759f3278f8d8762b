import { getSystemErrorName } from 'node:util';
import type { MessageCalls } from '../kernel/native.ts';
import type { SocketAddress } from '../kernel/socket-address.ts';
import { HEADER_BYTES, MessageHeaders } from './message-layout.ts';
import type { SendListener } from './udp-socket.ts';

/** Datagrams in one system call. More gains little. */
const MAX_DATAGRAMS = 64;
/** The longest datagram, and room for many usual ones. */
const MEMORY_BYTES = 256 * 1024;
const MAX_DATAGRAM_BYTES = 65_535;

/**
 * Collects what all UDP sockets of the program send in one piece of work: runs of datagrams on one socket go to the kernel in one call.
 */
export class SendBatch {
  readonly #calls: MessageCalls;
  readonly #onWaitingError: (descriptor: number) => void;
  readonly #headers: MessageHeaders;
  readonly #memory = new Uint8Array(new ArrayBuffer(MEMORY_BYTES));
  readonly #memoryAddress: number;
  readonly #lengths = new Int32Array(MAX_DATAGRAMS);
  readonly #listeners: (SendListener | undefined)[] = [];
  #descriptor = -1;
  #count = 0;
  #usedBytes = 0;
  #isFlushDue = false;

  /** @param onWaitingError an error that belongs to nothing that is sent now has been taken from a socket, or may have been */
  constructor(calls: MessageCalls, onWaitingError: (descriptor: number) => void = () => {}) {
    this.#calls = calls;
    this.#onWaitingError = onWaitingError;
    this.#headers = new MessageHeaders(MAX_DATAGRAMS, calls.addressOf);
    this.#memoryAddress = calls.addressOf(this.#memory);
  }

  /** As `UdpSocket.send`. */
  add(
    descriptor: number,
    pieces: readonly Uint8Array[],
    to: SocketAddress | undefined,
    listener: SendListener | undefined,
  ): void {
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (length > MAX_DATAGRAM_BYTES) {
      listener?.onUnsent('EMSGSIZE', length);
      return;
    }
    const isFull = this.#count === MAX_DATAGRAMS || this.#usedBytes + length > MEMORY_BYTES;
    if (isFull || descriptor !== this.#descriptor) this.flush();
    this.#descriptor = descriptor;
    const index = this.#count++;
    this.#headers.setMemory(index, this.#memoryAddress + this.#usedBytes, length);
    this.#headers.setName(index, to?.bytes);
    for (const piece of pieces) {
      this.#memory.set(piece, this.#usedBytes);
      this.#usedBytes += piece.length;
    }
    this.#lengths[index] = length;
    this.#listeners[index] = listener;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.#flushLater);
  }

  /** Everything that was added goes to the kernel now. */
  flush(): void {
    const count = this.#count;
    this.#count = 0;
    this.#usedBytes = 0;
    let [sent, refusedAt] = [0, -1];
    while (sent < count) {
      const headers = sent === 0 ? this.#headers.bytes : this.#headers.bytes.subarray(sent * HEADER_BYTES);
      const result = this.#calls.send(this.#descriptor, headers, count - sent);
      if (result > 0) {
        sent += result;
        // What has held up the rest may have been such an error, of which nothing is told then.
        if (sent < count) this.#onWaitingError(this.#descriptor);
        continue;
      }
      const code = getSystemErrorName(result);
      // It may have waited on the socket, for a datagram that has left long since: then the next call sends.
      if (WAITING_ERRORS.has(code) && refusedAt !== sent) {
        refusedAt = sent;
        this.#onWaitingError(this.#descriptor);
        continue;
      }
      const isFull = code === 'EAGAIN' || code === 'ENOBUFS';
      const end = isFull ? count : sent + 1;
      for (; sent < end; sent++) {
        this.#listeners[sent]?.onUnsent(isFull ? 'ENOBUFS' : code, this.#lengths[sent]!);
      }
    }
    this.#listeners.length = 0;
  }

  readonly #flushLater = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };
}

/** What ICMP may have said of a datagram before (include/net/icmp.h). */
const WAITING_ERRORS: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENOPROTOOPT',
  'EPROTO',
  'EOPNOTSUPP',
]);
