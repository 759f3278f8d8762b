import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import { AppWriter } from '../../shared/runtime/app/app-writer.ts';
import { WRITE_HIGH_WATER_BYTES } from '../../shared/runtime/app/tcp-app-socket.ts';
import type { UplinkTraffic } from '../../shared/runtime/session/uplink-traffic.ts';

/**
 * Joins the connection of an application and that of an origin: bytes, half-closes, resets and back-pressure, both ways. Of
 * each direction no more waits here than a socket's own write buffer and one read.
 *
 * @param traffic counts the bytes, as seen from the application's end
 * @param onOriginClosed the origin's connection is gone
 */
export function relaySockets(
  application: AppSocket,
  origin: AppSocket,
  traffic: UplinkTraffic,
  onOriginClosed: () => void = () => {},
): void {
  const near = new RelayedSocket(application, (bytes) => {
    traffic.sentBytes += bytes;
  });
  const far = new RelayedSocket(
    origin,
    (bytes) => {
      traffic.receivedBytes += bytes;
    },
    onOriginClosed,
  );
  near.join(far);
  far.join(near);
}

/** One of two joined sockets. */
class RelayedSocket implements AppSocketHandlers {
  readonly #socket: AppSocket;
  readonly #count: (bytes: number) => void;
  readonly #onClosed: () => void;
  #other!: RelayedSocket;
  readonly #writer = new AppWriter(() => {
    if (this.#writer.waitingBytes < WRITE_HIGH_WATER_BYTES) this.#other.#readOn();
  });
  #isPaused = false;
  #hasEnded = false;

  constructor(socket: AppSocket, count: (bytes: number) => void, onClosed: () => void = () => {}) {
    this.#socket = socket;
    this.#count = count;
    this.#onClosed = onClosed;
  }

  join(other: RelayedSocket): void {
    this.#other = other;
    this.#writer.attach(this.#socket);
    this.#socket.setHandlers(this);
    this.#socket.resume();
  }

  onChunk(chunk: OutgoingChunk): void {
    this.#count(chunk.bytes.length);
    const writer = this.#other.#writer;
    writer.write([chunk]);
    if (writer.waitingBytes < WRITE_HIGH_WATER_BYTES) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#other.#writer.end();
  }

  onDrain(): void {
    // The writer says when there is room.
  }

  onKeepAlive(idleMs: number): void {
    this.#other.#socket.keepAlive(idleMs);
  }

  onClose(error?: NodeJS.ErrnoException): void {
    this.#writer.close();
    // After a clean end both ways the other closes by itself, when all has left.
    const isClean = error === undefined && this.#hasEnded && this.#other.#hasEnded;
    // What this one had sent before its end still goes.
    if (!isClean) this.#other.#socket.destroy(this.#hasEnded ? 'after-writes' : 'reset');
    this.#onClosed();
  }

  /** The other has room again. */
  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
