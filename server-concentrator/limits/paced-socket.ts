import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import type { BytePacer, PacedFlow } from './byte-pacer.ts';

/** The pacers of one client. Directions are the client's: `down` is what goes to it. */
export interface Pacers {
  readonly down: BytePacer;
  readonly up: BytePacer;
}

interface Write {
  readonly pieces: readonly Uint8Array[];
  readonly onWritten: (() => void) | undefined;
}

/**
 * A connection to an origin or a visitor whose bytes count for the rate of its client. It is read and written more slowly, so that
 * the flow control of its stream holds the other end back and no other connection.
 */
export class PacedSocket implements AppSocket {
  readonly #socket: AppSocket;
  readonly #pacers: Pacers;
  readonly #reading: PacedFlow;
  readonly #writing: PacedFlow;
  /** Whoever has the connection wants to read. */
  #isWanted = false;
  #isReadingPaced = false;
  readonly #writes: Write[] = [];
  #handlers: AppSocketHandlers | undefined;
  #afterWrites: (() => void) | undefined;

  constructor(socket: AppSocket, pacers: Pacers) {
    this.#socket = socket;
    this.#pacers = pacers;
    this.#reading = { moved: 0, goOn: () => this.#readOn() };
    this.#writing = { moved: 0, goOn: () => this.#writeOn() };
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number {
    return this.#socket.remotePort;
  }

  get localAddress(): string {
    return this.#socket.localAddress;
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
    this.#socket.setHandlers({
      onChunk: (chunk) => {
        this.#pacers.down.take(this.#reading, chunk.bytes.length);
        handlers.onChunk(chunk);
        if (this.#pacers.down.mustWait) this.#pauseForPace();
      },
      onEnd: () => handlers.onEnd(),
      onDrain: () => {
        if (this.#writes.length === 0) handlers.onDrain();
      },
      onClose: (error) => {
        this.#forget();
        handlers.onClose(error);
      },
      onKeepAlive: (idleMs) => handlers.onKeepAlive?.(idleMs),
    });
  }

  resume(): void {
    this.#isWanted = true;
    if (this.#isReadingPaced) return;
    // The first read, too: many short connections would else have no rate.
    if (this.#pacers.down.mustWait) this.#pauseForPace();
    else this.#socket.resume();
  }

  pause(): void {
    this.#isWanted = false;
    this.#socket.pause();
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.#writes.length === 0 && !this.#pacers.up.mustWait) return this.#write({ pieces, onWritten });
    this.#writes.push({ pieces, onWritten });
    if (this.#writes.length === 1) this.#pacers.up.wait(this.#writing);
    return false;
  }

  kernelBytes(): number | undefined {
    return this.#socket.kernelBytes?.();
  }

  narrow(isNarrow: boolean): void {
    this.#socket.narrow?.(isNarrow);
  }

  end(): void {
    this.#after(() => this.#socket.end());
  }

  keepAlive(idleMs: number): void {
    this.#socket.keepAlive(idleMs);
  }

  destroy(how: 'close' | 'reset' | 'after-writes' = 'close'): void {
    if (how === 'after-writes') {
      this.#after(() => this.#socket.destroy('after-writes'));
      return;
    }
    this.#forget();
    this.#socket.destroy(how);
  }

  #write({ pieces, onWritten }: Write): boolean {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    this.#pacers.up.take(this.#writing, bytes);
    return this.#socket.write(pieces, onWritten);
  }

  #writeOn(): void {
    const next = this.#writes.shift();
    const hasRoom = next === undefined || this.#write(next);
    if (this.#writes.length > 0) {
      this.#pacers.up.wait(this.#writing);
      return;
    }
    if (hasRoom) this.#handlers?.onDrain();
    this.#finishWrites();
  }

  /** Does it behind what waits to be written. */
  #after(work: () => void): void {
    this.#afterWrites = work;
    if (this.#writes.length === 0) this.#finishWrites();
  }

  #finishWrites(): void {
    const work = this.#afterWrites;
    this.#afterWrites = undefined;
    work?.();
  }

  #pauseForPace(): void {
    this.#isReadingPaced = true;
    this.#socket.pause();
    this.#pacers.down.wait(this.#reading);
  }

  #readOn(): void {
    this.#isReadingPaced = false;
    if (this.#isWanted) this.#socket.resume();
  }

  #forget(): void {
    this.#pacers.down.forget(this.#reading);
    this.#pacers.up.forget(this.#writing);
    this.#writes.length = 0;
    this.#afterWrites = undefined;
  }
}
