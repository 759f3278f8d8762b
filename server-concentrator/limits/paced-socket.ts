import { type OutgoingChunk, OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import { FIRST_READ_BYTES } from '../../shared/runtime/app/block-pool.ts';
import type { BytePacer } from './byte-pacer.ts';
import { type PacedFlow, pacedFlow } from './flow-line.ts';

/** The pacers of one client. Directions are the client's: `down` is what goes to it. */
export interface Pacers {
  readonly down: BytePacer;
  readonly up: BytePacer;
}

/** What waits to be written: at least one piece. */
interface Write {
  readonly pieces: Uint8Array[];
  readonly onWritten: (() => void) | undefined;
}

/** What was read and waits for its turn may take this share of a level of the memory. */
const HELD_SHARE = 1 / 2;

/**
 * A connection to an origin or a visitor whose bytes count for the rate of its client. It is read and written more slowly, so that
 * the flow control of its stream holds the other end back and no other connection.
 *
 * Whether a connection has anything to say is known only when it is read. What was read beyond the rate waits here, one read of
 * each connection, and nothing more is read meanwhile. Where there is no memory for that, connections wait for their turn before they
 * are read.
 */
export class PacedSocket implements AppSocket {
  readonly #socket: AppSocket;
  readonly #pacers: Pacers;
  readonly #memory: MemoryBudget;
  readonly #reading: PacedFlow = pacedFlow((maxBytes) => this.#readOn(maxBytes));
  readonly #writing: PacedFlow = pacedFlow((maxBytes) => this.#writeOn(maxBytes));
  /** Whoever has the connection wants to read. */
  #isWanted = false;
  /** Read, and not handed on yet. */
  #held: Uint8Array[] = [];
  /** The other side has finished sending, behind what is held. */
  #hasEnded = false;
  #writes: Write[] = [];
  #handlers: AppSocketHandlers | undefined;
  #afterWrites: (() => void) | undefined;

  /** @param memory where what waits counts */
  constructor(socket: AppSocket, pacers: Pacers, memory: MemoryBudget) {
    this.#socket = socket;
    this.#pacers = pacers;
    this.#memory = memory;
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
      onChunk: (chunk) => this.#onChunk(chunk, handlers),
      onEnd: () => {
        if (this.#held.length > 0) this.#hasEnded = true;
        else handlers.onEnd();
      },
      onDrain: () => {
        if (this.#writes.length === 0) handlers.onDrain();
      },
      onClose: (error) => {
        this.#handOnAll(handlers);
        this.#forget();
        handlers.onClose(error);
      },
      onKeepAlive: (idleMs) => handlers.onKeepAlive?.(idleMs),
    });
  }

  resume(): void {
    this.#isWanted = true;
    const { down } = this.#pacers;
    const mayRead = down.roomBytes > 0 || this.#memory.freeBytes(HELD_SHARE) >= FIRST_READ_BYTES;
    if (this.#held.length > 0 || !mayRead) down.wait(this.#reading);
    else this.#socket.resume();
  }

  pause(): void {
    this.#isWanted = false;
    this.#pacers.down.forget(this.#reading);
    this.#socket.pause();
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.#writes.length === 0) {
      const bytes = lengthOf(pieces);
      if (bytes <= this.#pacers.up.roomBytes) {
        this.#pacers.up.take(this.#writing, bytes);
        return this.#socket.write(pieces, onWritten);
      }
      this.#pacers.up.wait(this.#writing);
    }
    this.#writes.push({ pieces: [...pieces], onWritten });
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

  #onChunk(chunk: OutgoingChunk, handlers: AppSocketHandlers): void {
    const { bytes } = chunk;
    const { down } = this.#pacers;
    const mustWait = this.#held.length > 0 || bytes.length > down.roomBytes;
    if (!mustWait || !this.#memory.tryTake(bytes.length, HELD_SHARE)) {
      this.#handOnAll(handlers);
      down.take(this.#reading, bytes.length);
      handlers.onChunk(chunk);
      // There may be no memory for the next one either.
      if (mustWait && this.#isWanted) {
        this.#socket.pause();
        this.resume();
      }
      return;
    }
    this.#socket.pause();
    // A buffer that is read into must not wait: others need it.
    this.#held.push(new Uint8Array(bytes));
    chunk.release();
    if (this.#isWanted) down.wait(this.#reading);
  }

  #readOn(maxBytes: number): void {
    const handlers = this.#handlers;
    if (this.#held.length === 0 && this.#isWanted) {
      this.#socket.resume();
      return;
    }
    let leftBytes = maxBytes;
    while (handlers !== undefined && this.#isWanted && leftBytes > 0 && this.#held.length > 0)
      leftBytes -= this.#handOn(leftBytes, handlers);
    if (this.#isWanted) this.resume();
  }

  #handOnAll(handlers: AppSocketHandlers): void {
    while (this.#held.length > 0) this.#handOn(Number.POSITIVE_INFINITY, handlers);
  }

  /** So much of the first piece that is held, and the end behind the last one. @returns how much it was */
  #handOn(maxBytes: number, handlers: AppSocketHandlers): number {
    const part = takePart(this.#held, maxBytes);
    this.#memory.give(part.length);
    this.#pacers.down.take(this.#reading, part.length);
    handlers.onChunk(new OwnBytes(part));
    if (this.#hasEnded && this.#held.length === 0) {
      this.#hasEnded = false;
      handlers.onEnd();
    }
    return part.length;
  }

  #writeOn(maxBytes: number): void {
    let leftBytes = maxBytes;
    let hasRoom = true;
    while (leftBytes > 0 && this.#writes.length > 0) {
      const { pieces, onWritten } = this.#writes[0]!;
      const part = takePart(pieces, leftBytes);
      const isLast = pieces.length === 0;
      if (isLast) this.#writes.shift();
      leftBytes -= part.length;
      this.#pacers.up.take(this.#writing, part.length);
      hasRoom = this.#socket.write([part], isLast ? onWritten : undefined);
    }
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

  #forget(): void {
    this.#isWanted = false;
    this.#pacers.down.forget(this.#reading);
    this.#pacers.up.forget(this.#writing);
    this.#memory.give(lengthOf(this.#held));
    this.#held = [];
    this.#hasEnded = false;
    this.#writes = [];
    this.#afterWrites = undefined;
  }
}

/** Takes out so much of the first piece. */
function takePart(pieces: Uint8Array[], maxBytes: number): Uint8Array {
  const [piece] = pieces as [Uint8Array];
  if (piece.length <= maxBytes) pieces.shift();
  else pieces[0] = piece.subarray(maxBytes);
  return piece.subarray(0, maxBytes);
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}
