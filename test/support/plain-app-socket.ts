import { createServer, type Socket } from 'node:net';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';

/** An AppSocket over an ordinary net.Socket, the simplest that keeps the contract. */
export class PlainAppSocket implements AppSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly #socket: Socket;
  #handlers: AppSocketHandlers | undefined;

  /** `socket` is connected, paused and made with `allowHalfOpen`. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = socket.localAddress ?? '';
    let error: NodeJS.ErrnoException | undefined;
    socket.on('data', (bytes: Buffer) => {
      let released = false;
      const release = () => {
        if (released) throw new Error('A chunk was released twice.');
        released = true;
        // Whoever still reads it then reads rubbish, as from a reused buffer.
        bytes.fill(0xdd);
      };
      this.#handlers?.onChunk({ bytes, headroomBytes: 0, release });
    });
    socket.on('end', () => this.#handlers?.onEnd());
    socket.on('drain', () => this.#handlers?.onDrain());
    socket.on('error', (reason) => {
      error = reason;
    });
    socket.on('close', () => this.#handlers?.onClose(error));
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  resume(): void {
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    return this.#socket.write(Buffer.concat(pieces), (error) => {
      if (!error) onWritten?.();
    });
  }

  end(): void {
    this.#socket.end();
  }

  keepAlive(): void {}

  destroy(how?: 'close' | 'reset' | 'after-writes'): void {
    const socket = this.#socket;
    // libuv refuses to reset while a shutdown is under way, and Node would then never close the socket.
    if (how === 'reset' && socket.writableEnded && !socket.writableFinished && !socket.destroyed) {
      socket.once('finish', () => socket.resetAndDestroy());
    } else if (how === 'reset') socket.resetAndDestroy();
    else if (how === 'after-writes') this.#socket.destroySoon();
    else this.#socket.destroy();
  }
}

/** Accepts connections on a free port of 127.0.0.1. */
export async function acceptPlainAppSockets(
  onSocket: (socket: AppSocket) => void,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    onSocket(new PlainAppSocket(socket.pause()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return {
    port: address.port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
