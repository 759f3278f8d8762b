import { randomFillSync } from 'node:crypto';
import { concatBytes } from '../../shared/protocol/codec/bytes.ts';
import {
  decodeSpeedRequest,
  encodeSpeedReport,
  SPEED_REQUEST_BYTES,
  type SpeedRequest,
} from '../../shared/protocol/codec/speed-request.ts';
import { OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocket, AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';

export interface SpeedSocketOptions {
  /** Takes so many bytes from what the client may exchange for measurements; false where there are not so many left. */
  take(bytes: number): boolean;
  /** It is gone; called once. */
  onClosed(): void;
}

/** What is said in one turn of the event loop: one read of an origin that has much. */
const PIECE_BYTES = 64 * 1024;
/** How often the client hears what has come: some points on the way of a measurement of a second. */
const REPORT_MS = 20;
/** A stream ends after this long. The longest measurement that a client makes takes half of it. */
const LIFETIME_MS = 2 * 60 * 1000;

/**
 * In an origin's place, the other end of a client's stream that measures (SPEC.md section 6, Speed): a source of as many bytes as the
 * client asks for, or a sink that tells how many have come. It is read and written as fast as the session takes and brings them.
 */
export class SpeedSocket implements AppSocket {
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localAddress = '';
  readonly #options: SpeedSocketOptions;
  readonly #lifetime: NodeJS.Timeout;
  #handlers: AppSocketHandlers | undefined;
  #isReading = false;
  /** What has come of the request. */
  #head: Uint8Array = new Uint8Array(0);
  #request: SpeedRequest | undefined;
  /** That the source has still to send. */
  #leftBytes = 0;
  #takenBytes = 0;
  #reportedBytes = 0;
  #next: NodeJS.Immediate | undefined;
  #report: NodeJS.Timeout | undefined;
  /** The client has ended its direction. */
  #hasHeardAll = false;
  /** The end of ours is told. */
  #hasSaidAll = false;
  #isClosed = false;

  constructor(options: SpeedSocketOptions) {
    this.#options = options;
    this.#lifetime = setTimeout(() => this.destroy(), LIFETIME_MS);
  }

  setHandlers(handlers: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  resume(): void {
    this.#isReading = true;
    if (this.#takenBytes > this.#reportedBytes) this.#tellSoon();
    this.#goOn();
  }

  pause(): void {
    this.#isReading = false;
  }

  write(pieces: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.#isClosed) return false;
    if (onWritten !== undefined) queueMicrotask(onWritten);
    for (const piece of pieces) this.#hear(piece);
    return true;
  }

  end(): void {
    if (this.#isClosed || this.#hasHeardAll) return;
    this.#hasHeardAll = true;
    if (this.#request === undefined) this.destroy();
    else if (this.#hasSaidAll) this.#closeInOrder();
    else this.#goOn();
  }

  keepAlive(): void {
    // There is nobody to keep awake.
  }

  destroy(_how?: 'close' | 'reset' | 'after-writes'): void {
    this.#close();
  }

  /** @param error absent when it closes in order */
  #close(error?: NodeJS.ErrnoException): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#lifetime);
    clearTimeout(this.#report);
    clearImmediate(this.#next);
    this.#options.onClosed();
    // As a socket does it: later.
    queueMicrotask(() => this.#handlers?.onClose(error));
  }

  #hear(piece: Uint8Array): void {
    const missing = SPEED_REQUEST_BYTES - this.#head.length;
    if (missing > 0) {
      this.#head = concatBytes(this.#head, piece.subarray(0, missing));
      if (this.#head.length < SPEED_REQUEST_BYTES) return;
      try {
        this.#request = decodeSpeedRequest(this.#head);
      } catch (error) {
        this.#close(error as Error);
        return;
      }
      if (this.#request.direction === 'down') this.#leftBytes = this.#request.bytes;
      this.#goOn();
    }
    const bytes = Math.max(0, piece.length - Math.max(0, missing));
    if (bytes === 0 || this.#isClosed) return;
    // Behind a request for bytes there is nothing to say, and what is said all the same is not free.
    if (!this.#options.take(bytes)) {
      this.#close(NOT_ALLOWED);
      return;
    }
    this.#takenBytes += bytes;
    this.#tellSoon();
  }

  #goOn(): void {
    this.#next ??= setImmediate(() => this.#say());
  }

  /** The next piece of the source, or the end. */
  #say(): void {
    this.#next = undefined;
    if (!this.#isReading || this.#isClosed || this.#request === undefined || this.#hasSaidAll) return;
    if (this.#leftBytes > 0) {
      const bytes = Math.min(PIECE_BYTES, this.#leftBytes);
      if (!this.#options.take(bytes)) {
        this.#close(NOT_ALLOWED);
        return;
      }
      this.#leftBytes -= bytes;
      this.#handlers?.onChunk(new OwnBytes(NOISE.subarray(0, bytes)));
      this.#goOn();
      return;
    }
    if (this.#request.direction === 'up') {
      if (!this.#hasHeardAll) return;
      this.#tell();
    }
    this.#hasSaidAll = true;
    this.#handlers?.onEnd();
    if (this.#hasHeardAll) this.#closeInOrder();
  }

  /** Behind what has been written, as its writer counts it. */
  #closeInOrder(): void {
    queueMicrotask(() => this.#close());
  }

  #tellSoon(): void {
    if (this.#request?.direction === 'up') this.#report ??= setTimeout(() => this.#tell(), REPORT_MS);
  }

  #tell(): void {
    clearTimeout(this.#report);
    this.#report = undefined;
    // Who does not listen now hears of it with what comes next, or when it listens again.
    const isUnheard = this.#isClosed || this.#hasSaidAll || !this.#isReading;
    if (isUnheard || this.#takenBytes === this.#reportedBytes) return;
    this.#reportedBytes = this.#takenBytes;
    this.#handlers?.onChunk(new OwnBytes(encodeSpeedReport(this.#takenBytes)));
  }
}

const NOT_ALLOWED: NodeJS.ErrnoException = Object.assign(
  new Error('the client may exchange no more for measurements'),
  { code: 'EDQUOT' },
);

/** What is sent: links that compress would else look faster than they are. */
const NOISE = randomFillSync(new Uint8Array(PIECE_BYTES));
