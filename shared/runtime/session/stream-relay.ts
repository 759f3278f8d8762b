import { type ErrorName, StreamError } from '../../protocol/errors.ts';
import type { AppChunk, AppSocket, AppSocketHandlers } from '../app/app-socket.ts';
import { releaseReceived } from '../subflow/receive-pool.ts';
import { compactReceived } from '../subflow/received-pieces.ts';
import type { SessionDriver } from './session-driver.ts';
import type { StreamHandlers } from './session-handlers.ts';

/**
 * Joins one application connection and one stream: bytes, half-closes, resets and back-pressure, both ways. The
 * connection may come later than the stream's first bytes (an origin that is being dialled); they wait here, bounded by
 * the stream's window.
 */
export class StreamRelay implements Omit<StreamHandlers, 'onOpened'>, AppSocketHandlers {
  readonly #driver: SessionDriver;
  readonly #streamId: number;
  readonly #onOver: (() => void) | undefined;
  #socket: AppSocket | undefined;
  #early: Uint8Array[] = [];
  #streamEnded = false;
  #applicationEnded = false;
  #isOver = false;
  /** Grows with whatever moves, either way; the idle sweep compares it with what it saw last. */
  activity = 0;

  /** @param onOver called once, when neither the connection nor the stream needs the relay any more */
  constructor(driver: SessionDriver, streamId: number, onOver?: () => void) {
    this.#driver = driver;
    this.#streamId = streamId;
    this.#onOver = onOver;
  }

  /** The application connection, ready to be read. */
  attach(socket: AppSocket): void {
    if (this.#isOver) {
      socket.destroy('reset');
      return;
    }
    this.#socket = socket;
    socket.setHandlers(this);
    if (this.#early.length > 0) this.#writeOn(socket, this.#early);
    this.#early = [];
    if (this.#streamEnded) socket.end();
    socket.resume();
  }

  /** Ends both sides at once. */
  abort(error: ErrorName): void {
    if (this.#isOver) return;
    this.#driver.input(({ streams }) => streams.reset(this.#streamId, error));
    this.#socket?.destroy('reset');
    this.#finish();
  }

  // --- from the application ---

  onChunk(chunk: AppChunk): void {
    this.activity++;
    try {
      const mayContinue = this.#driver.input(({ streams }) => streams.write(this.#streamId, chunk));
      if (!mayContinue) this.#socket?.pause();
    } catch (error) {
      // The stream has used up its sequence numbers (SPEC.md section 3): it ends, the program goes on.
      if (!(error instanceof StreamError)) throw error;
      chunk.release();
      this.abort(error.code);
    }
  }

  onEnd(): void {
    this.#applicationEnded = true;
    this.#driver.input(({ streams }) => streams.end(this.#streamId));
  }

  onDrain(): void {
    // Credit follows each write's own completion; nothing else waits for the drain.
  }

  onClose(error?: NodeJS.ErrnoException): void {
    if (this.#isOver) return;
    // Closed both ways without an error: what is still under way in the session goes on without us.
    const isClean = error === undefined && this.#applicationEnded && this.#streamEnded;
    if (!isClean) {
      const reason = error === undefined ? 'cancelled' : 'connectionReset';
      this.#driver.input(({ streams }) => streams.reset(this.#streamId, reason));
    }
    this.#finish();
  }

  // --- from the stream ---

  onData(pieces: readonly Uint8Array[]): void {
    this.activity++;
    const compact = compactReceived(pieces);
    if (this.#socket === undefined) this.#early.push(...compact);
    else this.#writeOn(this.#socket, compact);
  }

  onEnded(): void {
    this.#streamEnded = true;
    this.#socket?.end();
  }

  onFailed(_error: ErrorName): void {
    if (this.#isOver) return;
    this.#socket?.destroy('reset');
    this.#finish();
  }

  onWritable(): void {
    this.#socket?.resume();
  }

  #writeOn(socket: AppSocket, pieces: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    socket.write(pieces, () => {
      for (const piece of pieces) releaseReceived(piece);
      this.#driver.input(({ streams }) => streams.consumed(this.#streamId, bytes));
    });
  }

  #finish(): void {
    this.#isOver = true;
    this.#early = [];
    this.#driver.forgetStream(this.#streamId);
    this.#onOver?.();
  }
}
