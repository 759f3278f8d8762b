import { Duplex } from 'node:stream';
import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';

/** Clients are on this machine or its LAN: two seconds are many round trips, even with a lost packet. */
const LINGER_MS = 2_000;
/** As much as one read of a body that is passed on; a read that is longer waits whole. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * The connection of a client as a stream, which is what Node's HTTP server takes. The owner of the connection passes its
 * events on to here; they begin with the first byte.
 */
export class ClientStream extends Duplex implements AppSocketHandlers {
  #socket: AppSocket | undefined;
  #cutOff: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(socket: AppSocket) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    this.#socket = socket;
    // Whoever parses listens, too; nobody does behind a CONNECT.
    this.on('error', () => {});
  }

  /**
   * Takes the connection out: the stream is over, and the connection goes on.
   * @returns what was read ahead of the reader, and whether the client has finished sending behind it
   */
  detach(): { readonly ahead: Buffer; readonly hasEnded: boolean } {
    const ahead: Buffer[] = [];
    for (let bytes = this.read(); bytes !== null; bytes = this.read()) ahead.push(bytes as Buffer);
    this.#socket?.pause();
    this.#leave();
    this.destroy();
    return { ahead: Buffer.concat(ahead), hasEnded: this.#hasEnded };
  }

  onChunk(chunk: OutgoingChunk): void {
    const copy = Buffer.from(chunk.bytes);
    chunk.release();
    if (!this.push(copy)) this.#socket?.pause();
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.push(null);
  }

  onDrain(): void {
    // Each write's own completion says when there is room.
  }

  /** The connection is gone. */
  onClose(): void {
    this.#leave();
    this.destroy();
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(bytes: Buffer, _encoding: string, onWritten: () => void): void {
    this.#socket?.write([bytes], onWritten);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    onWritten: (error?: Error | null) => void,
  ): void {
    this.#socket?.write(
      chunks.map(({ chunk }) => chunk),
      onWritten,
    );
  }

  /**
   * FIN first, and what the client still sends is read and dropped: to close with unread bytes makes the kernel reset the
   * connection, which may overtake the last answer.
   */
  override _final(onFinished: () => void): void {
    this.#socket?.end();
    this.#cutOff = setTimeout(() => this.destroy(), LINGER_MS);
    this.resume();
    onFinished();
  }

  override _destroy(error: Error | null, onDestroyed: (error: Error | null) => void): void {
    this.#socket?.destroy(error === null ? 'close' : 'reset');
    this.#leave();
    onDestroyed(error);
  }

  #leave(): void {
    clearTimeout(this.#cutOff);
    this.#socket = undefined;
  }
}
