import type { MessageCalls } from '../kernel/native.ts';
import { MessageHeaders } from './message-layout.ts';

/** Datagrams in one system call. */
export const MAX_DATAGRAMS = 64;
/** The longest datagram; and that the beginnings of all do not fall on the same lines of the processor's cache. */
const SLOT_BYTES = 65_536 + 192;

/** Memory for what UDP sockets receive; one for all, since what has come is treated before anything else can run. */
export class ReceiveBatch {
  readonly headers: MessageHeaders;
  readonly #calls: MessageCalls;
  readonly #memory = new Uint8Array(new ArrayBuffer(MAX_DATAGRAMS * SLOT_BYTES));

  constructor(calls: MessageCalls) {
    this.#calls = calls;
    this.headers = new MessageHeaders(MAX_DATAGRAMS, calls.addressOf);
    const start = calls.addressOf(this.#memory);
    for (let i = 0; i < MAX_DATAGRAMS; i++) this.headers.setMemory(i, start + i * SLOT_BYTES, SLOT_BYTES);
  }

  /** @returns how many have come, or the errno, negative */
  receive(descriptor: number): number {
    const count = this.#calls.receive(descriptor, this.headers.bytes, MAX_DATAGRAMS);
    for (let i = 0; i < count; i++) this.headers.clearName(i);
    return count;
  }

  /** Good until the next call of `receive`. */
  payload(index: number): Uint8Array {
    const at = index * SLOT_BYTES;
    return this.#memory.subarray(at, at + this.headers.length(index));
  }
}
