import { Duplex } from 'node:stream';
import { OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import { IGNORE_EVENTS } from '../front/closing.ts';

const HIGH_WATER_BYTES = 64 * 1024;

/** The addresses of the client that a connection is made for. */
export type ClientAddresses = Pick<AppSocket, 'remoteAddress' | 'remotePort' | 'localAddress'>;

/**
 * A connection to an origin whose other end is in memory: this end is the stream that Node's HTTP client takes, `relayEnd` the
 * application's connection that a stream of the session, or a direct connection, is joined to. So requests go the same way as
 * all other connections. In each direction one write waits at most.
 */
export class OriginStream extends Duplex {
  readonly relayEnd: AppSocket;
  #handlers: AppSocketHandlers = IGNORE_EVENTS;
  #isRead = false;
  #isReplaying = false;
  /** What this end has written, or its end, and the relay does not read yet. */
  #held: { readonly bytes?: Buffer; readonly onTaken: () => void } | undefined;
  /** Of what the relay has written and this end has not room for. */
  #onTaken: (() => void) | undefined;
  #hasInput = true;
  #isOver = false;

  constructor(client: ClientAddresses) {
    super({ highWaterMark: HIGH_WATER_BYTES, allowHalfOpen: false });
    // Whoever has it listens, too; nobody does between two requests.
    this.on('error', () => {});
    this.relayEnd = new RelayEnd(this, client);
  }

  /** Node's HTTP client calls this and the next, as of a socket: closes when all has left. */
  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }

  /** Nor does anything of it hold up the end of the program, as a socket may. */
  ref(): this {
    return this;
  }

  override _read(): void {
    const onTaken = this.#onTaken;
    if (onTaken === undefined) return;
    this.#onTaken = undefined;
    queueMicrotask(onTaken);
  }

  override _write(bytes: Buffer, _encoding: string, onTaken: () => void): void {
    this.#give({ bytes, onTaken });
  }

  override _final(onTaken: () => void): void {
    this.#give({ onTaken });
  }

  override _destroy(error: Error | null, onDestroyed: (error: Error | null) => void): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#held = undefined;
      queueMicrotask(() => this.#handlers.onClose(error ?? undefined));
    }
    onDestroyed(error);
  }

  /** @internal of `RelayEnd`, as all below */
  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  /** As with a socket, what waits comes after the call: its caller may still change the handlers. */
  startReading(): void {
    this.#isRead = true;
    if (this.#held === undefined || this.#isReplaying) return;
    this.#isReplaying = true;
    queueMicrotask(() => {
      this.#isReplaying = false;
      const held = this.#held;
      if (!this.#isRead || held === undefined || this.#isOver) return;
      this.#held = undefined;
      this.#give(held);
    });
  }

  stopReading(): void {
    this.#isRead = false;
  }

  receive(pieces: readonly Uint8Array[], onWritten: (() => void) | undefined): boolean {
    if (this.#isOver || !this.#hasInput) return false;
    const hasRoom = this.push(Buffer.concat(pieces));
    const onTaken = () => {
      if (this.#isOver) return;
      onWritten?.();
      if (!hasRoom) this.#handlers.onDrain();
    };
    if (hasRoom) queueMicrotask(onTaken);
    else this.#onTaken = onTaken;
    return hasRoom;
  }

  endInput(): void {
    if (!this.#hasInput || this.#isOver) return;
    this.#hasInput = false;
    this.push(null);
  }

  destroyWhenRead(): void {
    this.endInput();
    if (this.readableEnded) this.destroy();
    else this.once('end', () => this.destroy());
  }

  #give(held: { readonly bytes?: Buffer; readonly onTaken: () => void }): void {
    if (!this.#isRead) {
      this.#held = held;
      return;
    }
    if (held.bytes === undefined) this.#handlers.onEnd();
    else this.#handlers.onChunk(new OwnBytes(held.bytes));
    held.onTaken();
  }
}

/** The end of an `OriginStream` that a relay has. */
class RelayEnd implements AppSocket {
  readonly #stream: OriginStream;
  readonly #client: ClientAddresses;

  constructor(stream: OriginStream, client: ClientAddresses) {
    this.#stream = stream;
    this.#client = client;
  }

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  get remotePort(): number {
    return this.#client.remotePort;
  }

  get localAddress(): string {
    return this.#client.localAddress;
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#stream.setHandlers(handlers);
  }

  resume(): void {
    this.#stream.startReading();
  }

  pause(): void {
    this.#stream.stopReading();
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    return this.#stream.receive(pieces, onWritten);
  }

  kernelBytes(): number {
    return 0;
  }

  end(): void {
    this.#stream.endInput();
  }

  keepAlive(): void {
    // The client's own connection is watched.
  }

  destroy(how: 'close' | 'reset' | 'after-writes' = 'close'): void {
    if (how === 'after-writes') {
      this.#stream.destroyWhenRead();
    } else if (how === 'reset') {
      const error: NodeJS.ErrnoException = new Error('the connection to the origin was reset');
      error.code = 'ECONNRESET';
      this.#stream.destroy(error);
    } else {
      this.#stream.destroy();
    }
  }
}
