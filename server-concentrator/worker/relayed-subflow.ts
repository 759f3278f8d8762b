import type { Socket } from 'node:net';
import { MisuseError } from '../../shared/protocol/errors.ts';
import { OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../shared/runtime/subflow/subflow-transport.ts';
import type { RelayedFrom } from './relay-preface.ts';

/** A subflow whose TLS another worker does: what it carries comes through a socket of this machine, without the kernel's figures. */
export class RelayedSubflow implements SubflowTransport {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly exporter: Uint8Array;
  readonly congestionControl = undefined;
  readonly isRelayed = true;
  readonly #socket: Socket;
  #handlers: SubflowTransportHandlers | undefined;
  #isWriting = false;
  #isReading = true;
  #isClosed = false;

  /** @param early what has come behind the preface */
  constructor(socket: Socket, from: RelayedFrom, early: Uint8Array) {
    this.#socket = socket;
    this.remoteAddress = from.remoteAddress;
    this.remotePort = from.remotePort;
    this.localAddress = from.localAddress;
    this.localPort = from.localPort;
    this.exporter = Buffer.from(from.exporter, 'base64');
    socket.pause();
    if (early.length > 0) socket.unshift(early);
    socket.on('error', () => {});
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.#isClosed = true;
      this.#handlers?.onClose();
    });
  }

  setHandlers(handlers: SubflowTransportHandlers): void {
    const isFirst = this.#handlers === undefined;
    this.#handlers = handlers;
    if (this.#isClosed) setImmediate(() => handlers.onClose());
    else if (isFirst) {
      this.#socket.on('data', (bytes) => this.#handlers?.onBytes(new OwnBytes(bytes)));
      if (this.#isReading) this.#socket.resume();
    }
  }

  write(buffers: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (this.#isWriting) throw new MisuseError('a subflow was written to before onWritable');
    this.#isWriting = true;
    // One piece of its own: the kernel may take it after this returns, when the caller uses the buffers again.
    socket.write(Buffer.concat(buffers), (error) => {
      this.#isWriting = false;
      if (!error && !socket.destroyed) this.#handlers?.onWritable();
    });
  }

  setReading(isReading: boolean): void {
    this.#isReading = isReading;
    if (isReading) this.#socket.resume();
    else this.#socket.pause();
  }

  measure(): undefined {}

  destroy(): void {
    this.#socket.destroy();
  }
}
