import type { OutgoingChunk } from '../shared/protocol/memory/chunk.ts';
import type { AppSocketHandlers } from '../shared/runtime/app/app-socket.ts';

/** The request of an application, for the most part. Who says more before the origin has answered cannot begin again. */
const MAX_BYTES = 32 * 1024;

/**
 * What an application has said before its stream is open. It goes on to the relay, and a copy stays here: should the session
 * refuse the stream, the next one is told the same.
 */
export class FirstBytes implements AppSocketHandlers {
  #pieces: Uint8Array[];
  #length = 0;
  #isWhole = true;
  #hasEnded = false;
  #next: AppSocketHandlers | undefined;
  #onGone: (() => void) | undefined;
  #isGone = false;

  /** @param early what it said behind its request */
  constructor(early: readonly Uint8Array[]) {
    this.#pieces = [...early];
  }

  get pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  /** Whether the application has finished sending. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether there is somebody to begin again for, and all of what was said is here. */
  get mayRepeat(): boolean {
    return this.#isWhole && !this.#isGone;
  }

  /** Who hears the application from now on. */
  goOnTo(next: AppSocketHandlers): void {
    this.#next = next;
  }

  /** Nobody hears it for now, but that it has gone. */
  hold(onGone: () => void): void {
    this.#next = undefined;
    this.#onGone = onGone;
  }

  /** The stream is open: it will not begin again. */
  release(): void {
    this.#pieces = [];
    this.#isWhole = false;
  }

  onChunk(chunk: OutgoingChunk): void {
    this.#keep(chunk.bytes);
    this.#next?.onChunk(chunk);
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#next?.onEnd();
  }

  onDrain(): void {
    this.#next?.onDrain();
  }

  onClose(error?: NodeJS.ErrnoException): void {
    this.#isGone = true;
    if (this.#next === undefined) this.#onGone?.();
    else this.#next.onClose(error);
  }

  #keep(bytes: Uint8Array): void {
    this.#length += bytes.length;
    this.#isWhole &&= this.#length <= MAX_BYTES;
    if (this.#isWhole) this.#pieces.push(new Uint8Array(bytes));
    else this.#pieces = [];
  }
}
