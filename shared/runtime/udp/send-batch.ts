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
/** Datagrams that may be given to the kernel as one: they must fit into packets of the usual length, */
const MAX_JOINED_DATAGRAM_BYTES = 1_452;
/** and together into one of the longest. */
const MAX_JOINED_BYTES = 65_000;
/** As often the kernel may refuse them (before Linux 4.18, or since an interface cannot compute checksums) before it is left alone. */
const MAX_JOIN_REFUSALS = 8;

/**
 * Collects what all UDP sockets of the program send in one piece of work: runs of datagrams on one socket go to the kernel in one call, and
 * runs to one destination and of one length as one, which it cuts again as late as it can.
 */
export class SendBatch {
  readonly #calls: MessageCalls;
  readonly #onWaitingError: (descriptor: number) => void;
  readonly #headers: MessageHeaders;
  readonly #memory = new Uint8Array(new ArrayBuffer(MEMORY_BYTES));
  readonly #memoryAddress: number;
  readonly #offsets = new Int32Array(MAX_DATAGRAMS);
  readonly #lengths = new Int32Array(MAX_DATAGRAMS);
  /** Where each run of datagrams that are joined begins, and where the last one ends. */
  readonly #runs = new Int32Array(MAX_DATAGRAMS + 1);
  readonly #to: (SocketAddress | undefined)[] = [];
  readonly #listeners: (SendListener | undefined)[] = [];
  #descriptor = -1;
  #count = 0;
  #usedBytes = 0;
  #isFlushDue = false;
  #joinRefusals = 0;

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
    this.#offsets[index] = this.#usedBytes;
    this.#to[index] = to;
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
    let [sent, refusedAt] = [this.#sendJoined(count), -1];
    for (let i = sent; i < count; i++) this.#prepare(i, i, this.#lengths[i]!, 0);
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
    this.#to.length = 0;
  }

  /** @param segmentBytes of datagrams that are joined; 0: it is one */
  #prepare(header: number, first: number, length: number, segmentBytes: number): void {
    this.#headers.setMemory(header, this.#memoryAddress + this.#offsets[first]!, length);
    this.#headers.setName(header, this.#to[first]?.bytes);
    this.#headers.setSegments(header, segmentBytes);
  }

  /** @returns how many have left; what is refused, and why, shows when the others are sent one by one */
  #sendJoined(count: number): number {
    if (count < 2 || this.#joinRefusals >= MAX_JOIN_REFUSALS) return 0;
    let runs = 0;
    for (let first = 0; first < count; ) {
      const { end, bytes } = this.#runFrom(first, count);
      this.#prepare(runs, first, bytes, end - first > 1 ? this.#lengths[first]! : 0);
      this.#runs[runs++] = first;
      first = end;
    }
    if (runs === count) return 0;
    this.#runs[runs] = count;
    const result = this.#calls.send(this.#descriptor, this.#headers.bytes, runs);
    if (result === runs) return count;
    this.#onWaitingError(this.#descriptor);
    if (result < 0 && JOIN_REFUSALS.has(getSystemErrorName(result))) this.#joinRefusals++;
    return this.#runs[Math.max(0, result)]!;
  }

  /** The datagrams from the first one on that may be joined: of its length, and one that is shorter. */
  #runFrom(first: number, count: number): { end: number; bytes: number } {
    const length = this.#lengths[first]!;
    let [end, bytes, last] = [first + 1, length, length];
    if (length > MAX_JOINED_DATAGRAM_BYTES) return { end, bytes };
    while (end < count && last === length && this.#to[end] === this.#to[first]) {
      last = this.#lengths[end]!;
      if (last === 0 || last > length || bytes + last > MAX_JOINED_BYTES) break;
      bytes += last;
      end++;
    }
    return { end, bytes };
  }

  readonly #flushLater = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };
}

/** What the kernel says where it cannot cut them, or not so. */
const JOIN_REFUSALS: ReadonlySet<string> = new Set(['EINVAL', 'EIO', 'EOPNOTSUPP']);

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
