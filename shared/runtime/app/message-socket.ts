import { concatBytes } from '../../protocol/codec/bytes.ts';
import { OwnBytes } from '../../protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from './app-socket.ts';

export interface MessageSocketOptions {
  /** What it takes; with more it closes. */
  readonly maxBytes: number;
  /** All bytes that have come, each time that some have, and at their end. */
  onBytes(bytes: Uint8Array, hasEnded: boolean): void;
  /** Whoever it is joined with has gone; called once. */
  onClosed(): void;
}

/** An `AppSocket` whose other side is in this program: it takes a short message and says one. */
export class MessageSocket implements AppSocket {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localAddress = '';
  readonly #options: MessageSocketOptions;
  #handlers: AppSocketHandlers | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #said: Uint8Array | undefined;
  #isReading = false;
  #hasSaidAll = false;
  #hasEnded = false;
  #isClosed = false;

  constructor(options: MessageSocketOptions) {
    this.#options = options;
  }

  /** Says this, once, and nothing more. */
  say(bytes: Uint8Array): void {
    this.#said = bytes;
    this.#deliver();
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  resume(): void {
    this.#isReading = true;
    queueMicrotask(() => this.#deliver());
  }

  pause(): void {
    this.#isReading = false;
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.#isClosed) return false;
    this.#bytes = concatBytes(this.#bytes, ...pieces);
    if (onWritten !== undefined) queueMicrotask(onWritten);
    if (this.#bytes.length > this.#options.maxBytes) this.destroy();
    else this.#options.onBytes(this.#bytes, false);
    return true;
  }

  end(): void {
    if (this.#isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onBytes(this.#bytes, true);
    this.#closeWhenDone();
  }

  keepAlive(): void {
    // There is nobody to keep awake.
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClosed();
    // As a socket does it: later.
    queueMicrotask(() => this.#handlers?.onClose());
  }

  #deliver(): void {
    const said = this.#said;
    if (said === undefined || !this.#isReading || this.#hasSaidAll || this.#isClosed) return;
    this.#hasSaidAll = true;
    if (said.length > 0) this.#handlers?.onChunk(new OwnBytes(said));
    this.#handlers?.onEnd();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    // Behind what has been written, as its writer counts it.
    if (this.#hasSaidAll && this.#hasEnded) queueMicrotask(() => this.destroy());
  }
}
