import { type Chunk, OwnBytes } from '../../protocol/memory/chunk.ts';
import { GatheredBytes } from '../../protocol/memory/gathered-bytes.ts';
import { compactChunks, joinNeighbours } from '../subflow/compact-chunks.ts';
import { SLAB_BYTES } from '../subflow/receive-pool.ts';
import type { AppSocket } from './app-socket.ts';

/** What one write carries at most, if it is more than one chunk: credit for it is due when all of it has left. */
const MAX_WRITE_BYTES = 256 * 1024;
/** A chunk that must wait is copied, unless it is most of the memory that it would keep in use. */
const KEEP_FROM_BYTES = (SLAB_BYTES * 3) / 4;

/**
 * Writes to one application connection. One write is under way at a time; what comes meanwhile, or before there is a
 * connection, gathers in few pieces. To a socket each piece costs some hundred bytes, and each may keep a slab in use.
 */
export class AppWriter {
  readonly #onWritten: (bytes: number) => void;
  #socket: AppSocket | undefined;
  #waiting: Chunk[] = [];
  /** Follows `#waiting`. */
  readonly #gathered = new GatheredBytes();
  /** What the write under way carries, and behind it that of the last one where there is an end. */
  readonly #leaving: (readonly Chunk[])[] = [];
  #hasEnd = false;
  /** Whatever still comes is dropped. */
  #isOver = false;
  #bytes = 0;

  /** @param onWritten so many bytes have gone to the kernel */
  constructor(onWritten: (bytes: number) => void) {
    this.#onWritten = onWritten;
  }

  /** What was written and has not gone to the kernel. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Whether all that was written has gone to the kernel. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** The connection; what came before leaves now. */
  attach(socket: AppSocket): void {
    this.#socket = socket;
    if (this.#hasEnd) this.#writeLast(socket);
    else this.#writeNext(socket);
  }

  /** Takes the chunks, at least one. */
  write(chunks: readonly Chunk[]): void {
    if (this.#isOver) {
      releaseAll(chunks);
      return;
    }
    const isFirst = this.isEmpty;
    this.#bytes += lengthOf(chunks);
    if (this.#socket !== undefined && isFirst) {
      this.#start(this.#socket, compactChunks(chunks));
      return;
    }
    for (const chunk of joinNeighbours(chunks)) this.#keep(chunk);
  }

  /** FIN, behind all that was written. Nothing more will come to gather, so the socket gets all of it. */
  end(): void {
    this.#hasEnd = true;
    if (this.#socket !== undefined) this.#writeLast(this.#socket);
  }

  /** Nothing more is to leave. What is leaving stays in use until the connection has closed. */
  discard(): void {
    releaseAll(this.#waiting);
    this.#gathered.take();
    this.#waiting = [];
    this.#socket = undefined;
    this.#isOver = true;
  }

  /** The connection has closed: gives all memory back. */
  close(): void {
    this.discard();
    for (const chunks of this.#leaving.splice(0)) releaseAll(chunks);
    this.#bytes = 0;
  }

  #keep(chunk: Chunk): void {
    if (chunk.bytes.length >= KEEP_FROM_BYTES) {
      this.#closeGathered();
      this.#waiting.push(chunk);
    } else {
      this.#gathered.add(chunk.bytes);
      chunk.release();
    }
  }

  #closeGathered(): void {
    for (const bytes of this.#gathered.take()) this.#waiting.push(new OwnBytes(bytes));
  }

  #writeNext(socket: AppSocket): void {
    this.#closeGathered();
    if (this.#waiting.length > 0) this.#start(socket, this.#takeWaiting());
  }

  #writeLast(socket: AppSocket): void {
    this.#closeGathered();
    if (this.#waiting.length > 0) this.#start(socket, this.#waiting.splice(0));
    socket.end();
  }

  /** As much as one write carries. */
  #takeWaiting(): readonly Chunk[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length; count++) {
      bytes += this.#waiting[count]!.bytes.length;
      if (count > 0 && bytes > MAX_WRITE_BYTES) break;
    }
    return this.#waiting.splice(0, count);
  }

  #start(socket: AppSocket, chunks: readonly Chunk[]): void {
    this.#leaving.push(chunks);
    const length = lengthOf(chunks);
    const pieces = chunks.map(({ bytes }) => bytes);
    socket.write(pieces, () => {
      // Unless the connection has closed meanwhile.
      if (this.#leaving[0] !== chunks) return;
      this.#leaving.shift();
      releaseAll(chunks);
      this.#bytes -= length;
      this.#onWritten(length);
      if (this.#socket !== undefined && this.#leaving.length === 0) this.#writeNext(this.#socket);
    });
  }
}

function lengthOf(chunks: readonly Chunk[]): number {
  let length = 0;
  for (const { bytes } of chunks) length += bytes.length;
  return length;
}

function releaseAll(chunks: readonly Chunk[]): void {
  for (const chunk of chunks) chunk.release();
}
