import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import { IGNORE_EVENTS } from './closing.ts';

/**
 * The connection of a SOCKS5 client from acceptance to its end, through a change of owner: first the negotiation
 * has it, then whoever serves the request. It adds to the socket beneath
 *
 * - `onGone`, told when the connection is gone, whoever has it then;
 * - `watch`, which notices a client that leaves while nobody reads from it;
 * - replay: what happened before the new owner came (bytes read ahead, FIN, close) is told to it afterwards.
 */
export class ClientSocket implements AppSocket {
  readonly #inner: AppSocket;
  readonly #onGone: () => void;
  #handlers: AppSocketHandlers = IGNORE_EVENTS;
  #reading = false;
  #onEndWhileWatching: (() => void) | undefined;
  #replayScheduled = false;
  /** Read ahead while watching, at most one chunk. */
  #heldChunk: OutgoingChunk | undefined;
  #heldEnd = false;
  #closed: { error: NodeJS.ErrnoException | undefined } | undefined;

  constructor(inner: AppSocket, onGone: () => void) {
    this.#inner = inner;
    this.#onGone = onGone;
    inner.setHandlers({
      onChunk: (chunk) => this.#chunk(chunk),
      onEnd: () => this.#end(),
      onDrain: () => this.#handlers.onDrain(),
      onClose: (error) => this.#close(error),
      onKeepAlive: (idleMs) => this.#handlers.onKeepAlive?.(idleMs),
    });
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  get remotePort(): number {
    return this.#inner.remotePort;
  }

  get localAddress(): string {
    return this.#inner.localAddress;
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
    const closed = this.#closed;
    if (closed) queueMicrotask(() => handlers.onClose(closed.error));
  }

  resume(): void {
    this.#reading = true;
    this.#onEndWhileWatching = undefined;
    if (!this.#heldChunk && !this.#heldEnd) {
      this.#inner.resume();
    } else if (!this.#replayScheduled) {
      this.#replayScheduled = true;
      queueMicrotask(() => this.#replay());
    }
  }

  pause(): void {
    this.#reading = false;
    this.#onEndWhileWatching = undefined;
    this.#inner.pause();
  }

  /**
   * In place of a pause: reads ahead until one chunk has come, since a socket that is not read does not show that its
   * client has gone. `onEnd` runs if the client finishes sending before any byte has come; a connection that is lost
   * closes as ever. `unwatch` ends the calls and not the reading ahead, since the next owner resumes soon, and to stop and
   * start costs system calls; `resume` and `pause` end both.
   */
  watch(onEnd: () => void): void {
    this.#reading = false;
    this.#onEndWhileWatching = onEnd;
  }

  unwatch(): void {
    this.#onEndWhileWatching = undefined;
  }

  /** The owner of before was told of the end; it is the next one's. */
  keepEnd(): void {
    this.#heldEnd = true;
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    return this.#inner.write(pieces, onWritten);
  }

  end(): void {
    this.#inner.end();
  }

  keepAlive(idleMs: number): void {
    this.#inner.keepAlive(idleMs);
  }

  destroy(how?: 'close' | 'reset' | 'after-writes'): void {
    this.#inner.destroy(how);
  }

  #chunk(chunk: OutgoingChunk): void {
    if (this.#reading) {
      this.#handlers.onChunk(chunk);
    } else {
      this.#heldChunk = chunk;
      this.#inner.pause();
    }
  }

  #end(): void {
    if (this.#reading) {
      this.#handlers.onEnd();
    } else {
      this.#heldEnd = true;
      if (!this.#heldChunk) this.#onEndWhileWatching?.();
    }
  }

  #close(error: NodeJS.ErrnoException | undefined): void {
    this.#closed = { error };
    this.#heldChunk?.release();
    this.#heldChunk = undefined;
    this.#heldEnd = false;
    this.#handlers.onClose(error);
    this.#onGone();
  }

  /** Each call into the owner may pause, or close, so look again after it. */
  #replay(): void {
    this.#replayScheduled = false;
    if (!this.#reading) return;
    const chunk = this.#heldChunk;
    if (chunk) {
      this.#heldChunk = undefined;
      this.#handlers.onChunk(chunk);
    }
    if (!this.#reading || this.#closed) return;
    if (this.#heldEnd) {
      this.#heldEnd = false;
      this.#handlers.onEnd();
    } else {
      this.#inner.resume();
    }
  }
}
