import { type ErrorName, StreamError } from '../../protocol/errors.ts';
import type { Chunk, OutgoingChunk } from '../../protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from '../app/app-socket.ts';
import { AppWriter } from '../app/app-writer.ts';
import { abandonStream } from './abandoned-stream.ts';
import type { SessionDriver } from './session-driver.ts';
import type { StreamHandlers } from './session-handlers.ts';

/** What a kernel keeps for a connection that is not read, or does not read, before either has shown that it is fast. */
const KERNEL_GUESS_BYTES = 128 * 1024;

/**
 * Joins an application connection and a stream: bytes, half-closes, resets and back-pressure, both ways. The stream's first
 * bytes may come before the connection, while an origin is dialled. They wait in the writer; the stream's window bounds them.
 */
export class StreamRelay implements Omit<StreamHandlers, 'onOpened'>, AppSocketHandlers {
  readonly #driver: SessionDriver;
  readonly #streamId: number;
  readonly #onOver: (() => void) | undefined;
  readonly #patienceMs: number;
  #socket: AppSocket | undefined;
  readonly #writer: AppWriter;
  /** There is no memory for what the connection says, though it was not read. */
  #isBlocked = false;
  #streamEnded = false;
  #applicationEnded = false;
  /** The stream has failed; the connection is still to take what had come. */
  #streamFailed = false;
  #isOver = false;
  /** Grows whenever bytes move, either way. The idle sweep compares it with what it saw last. */
  activity = 0;

  /**
   * @param onOver called once, when neither the connection nor the stream needs the relay any more
   * @param patienceMs what a connection that is gone had sent may make no progress for so long
   */
  constructor(
    driver: SessionDriver,
    streamId: number,
    onOver?: () => void,
    patienceMs = Number.POSITIVE_INFINITY,
  ) {
    this.#patienceMs = patienceMs;
    this.#driver = driver;
    this.#streamId = streamId;
    this.#onOver = onOver;
    this.#writer = new AppWriter((bytes) => {
      driver.input(({ streams }) => streams.consumed(streamId, bytes));
    });
  }

  /** The application connection, ready to be read. */
  attach(socket: AppSocket): void {
    if (this.#isOver) {
      socket.destroy('reset');
      return;
    }
    this.#socket = socket;
    socket.setHandlers(this);
    this.#writer.attach(socket);
    if (!this.#isBlocked) socket.resume();
  }

  /** What the kernel keeps for the connection; a guess where it cannot be asked. */
  get kernelBytes(): number {
    if (this.#socket === undefined) return 0;
    return this.#socket.kernelBytes?.() ?? KERNEL_GUESS_BYTES;
  }

  /** Whether the kernel is to keep little for the connection. */
  narrow(isNarrow: boolean): void {
    this.#socket?.narrow?.(isNarrow);
  }

  /** There will be no connection: gives back what waits for it. The caller says so in the session. */
  discard(): void {
    if (!this.#isOver) this.#finish();
  }

  /** Ends both sides at once. */
  abort(error: ErrorName): void {
    if (this.#isOver) return;
    this.#driver.input(({ streams }) => streams.reset(this.#streamId, error));
    this.#socket?.destroy('reset');
    this.#finish();
  }

  // --- from the application ---

  onChunk(chunk: OutgoingChunk): void {
    if (this.#streamFailed) {
      chunk.release();
      return;
    }
    this.activity++;
    try {
      const mayContinue = this.#driver.input(({ streams }) => streams.write(this.#streamId, chunk));
      if (!mayContinue || this.#driver.holdsBack(this.#streamId)) this.#socket?.pause();
    } catch (error) {
      // The stream has used up its sequence numbers (SPEC.md section 3): end it. The program goes on.
      if (!(error instanceof StreamError)) throw error;
      chunk.release();
      this.abort(error.code);
    }
  }

  onEnd(): void {
    this.#applicationEnded = true;
    if (!this.#streamFailed) this.#driver.input(({ streams }) => streams.end(this.#streamId));
  }

  /** At the client: what lies before the origin may want to see keep-alives as well. */
  onKeepAlive(idleMs: number): void {
    this.#driver.input(({ streams }) => streams.keepAlive(this.#streamId, Math.round(idleMs / 1000)));
  }

  onDrain(): void {
    // Credit follows each write's own completion; nothing else waits for the drain.
  }

  onClose(error?: NodeJS.ErrnoException): void {
    const hasLeft = this.#writer.isEmpty;
    this.#writer.close();
    if (this.#isOver) return;
    // Closed both ways without an error: what is still under way in the session goes on without us.
    const isClean = error === undefined && hasLeft && this.#applicationEnded && this.#streamEnded;
    if (!isClean || this.#streamFailed)
      this.#leaveStream(error === undefined ? 'cancelled' : 'connectionReset');
    this.#finish();
  }

  // --- from the stream ---

  onData(chunks: readonly Chunk[]): void {
    this.activity++;
    this.#writer.write(chunks);
  }

  onEnded(): void {
    this.#streamEnded = true;
    this.#writer.end();
  }

  onFailed(_error: ErrorName, hasAll = false): void {
    if (this.#isOver) return;
    if (hasAll && this.#socket !== undefined) {
      // The connection closes when it has taken the rest.
      this.#streamFailed = true;
      this.#socket.destroy('after-writes');
      return;
    }
    this.#socket?.destroy('reset');
    this.#finish();
  }

  onWritable(): void {
    this.#isBlocked = false;
    this.#socket?.resume();
  }

  onBlocked(): void {
    this.#isBlocked = true;
    this.#socket?.pause();
  }

  /** The application at the far end keeps its connection alive. */
  keepAlive(idleMs: number): void {
    this.#socket?.keepAlive(idleMs);
  }

  /** The connection is lost, and not by closing in order. */
  #leaveStream(reason: ErrorName): void {
    if (this.#applicationEnded && !this.#streamFailed)
      abandonStream(this.#driver, this.#streamId, reason, this.#patienceMs);
    else this.#driver.input(({ streams }) => streams.reset(this.#streamId, reason));
  }

  #finish(): void {
    this.#isOver = true;
    this.#writer.discard();
    this.#driver.forgetStream(this.#streamId);
    this.#onOver?.();
  }
}
