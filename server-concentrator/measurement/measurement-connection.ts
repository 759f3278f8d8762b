import { randomFillSync } from 'node:crypto';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../shared/protocol/codec/frame-parser.ts';
import { DATA_HEADER_BYTES } from '../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import type { ReceivedChunk } from '../../shared/protocol/memory/chunk.ts';
import type { TokenBucket } from '../../shared/runtime/async/token-bucket.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';

export interface MeasurementConnectionOptions {
  readonly transport: SubflowTransport;
  /** A token for each byte of DATA that goes beyond `FREE_BYTES`, either way. */
  readonly allowance: Pick<TokenBucket, 'tryTake'>;
  /** The allowance did not suffice. */
  onExceeded(): void;
  /** The connection is gone; called once. */
  onOver(): void;
}

/** DATA that a connection may exchange without allowance: enough to see whether full-size packets pass, in either direction. */
export const FREE_BYTES = 64 * 1024;
/** Bytes in one DATA frame: what leaves in one turn. */
const PIECE_BYTES = 64 * 1024;
/** A connection ends after this long: somewhat more than the longest silence that `doctor` tries. */
const LIFETIME_MS = 30 * 60 * 1000;

/**
 * Frames other than DATA count against no allowance, nor does what DATA is wrapped in: beyond so much, and a part of the payload, nothing
 * honest is done with them.
 */
const MOST_OVERHEAD_BYTES = 64 * 1024;
const LEAST_PAYLOAD_PER_OVERHEAD = 8;

/**
 * The concentrator's end of a connection for measurements (SPEC.md section 5): discards DATA, answers it and PING with RECEIPT,
 * sends as much DATA as WINDOW allows, and nothing unasked.
 */
export class MeasurementConnection {
  readonly #options: MeasurementConnectionOptions;
  readonly #parser = new FrameParser();
  readonly #lifetime: NodeJS.Timeout;
  #freeBytes = FREE_BYTES;
  #receivedBytes = 0;
  /** Of DATA, in them. */
  #payloadBytes = 0;
  #isReceiptDue = false;
  #sentBytes = 0;
  #limitBytes = 0;
  #isWriting = true;
  #isExceeded = false;
  /** CLOSE is leaving. */
  #isClosing = false;

  /** @param rest what arrived behind HELLO. WELCOME is still leaving. */
  constructor(options: MeasurementConnectionOptions, rest: Uint8Array) {
    this.#options = options;
    const { transport, onOver } = options;
    this.#lifetime = setTimeout(() => transport.destroy(), LIFETIME_MS);
    transport.keepAlive?.(false);
    transport.setHandlers({
      onBytes: (chunk) => this.#onChunk(chunk),
      onWritable: () => this.#onWritable(),
      onClose: () => {
        clearTimeout(this.#lifetime);
        onOver();
      },
    });
    this.#receive(rest);
  }

  close(): void {
    this.#options.transport.destroy();
  }

  #onWritable(): void {
    this.#isWriting = false;
    if (this.#isClosing) this.#options.transport.destroy();
    else this.#send();
  }

  #onChunk(chunk: ReceivedChunk): void {
    try {
      this.#receive(chunk.bytes);
    } finally {
      chunk.release();
    }
  }

  #receive(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#isExceeded) return;
    try {
      this.#parser.push(bytes, {
        onData: (_stream, _dsn, payload) => this.#onData(payload.length),
        onControl: (frame) => this.#onControl(frame),
      });
    } catch {
      // A violation.
      this.#options.transport.destroy();
      return;
    }
    this.#receivedBytes += bytes.length;
    if (
      this.#receivedBytes - this.#payloadBytes >
      MOST_OVERHEAD_BYTES + this.#payloadBytes / LEAST_PAYLOAD_PER_OVERHEAD
    ) {
      this.#options.transport.destroy();
      return;
    }
    this.#send();
  }

  #onData(bytes: number): void {
    this.#isReceiptDue = true;
    this.#payloadBytes += bytes;
    if (!this.#take(bytes)) this.#exceed();
  }

  #onControl(frame: ControlFrame): void {
    switch (frame.type) {
      case 'ping':
        this.#isReceiptDue = true;
        break;
      case 'window':
        this.#limitBytes = Math.max(this.#limitBytes, frame.limit);
        break;
      case 'close':
        this.#options.transport.destroy();
        break;
      default:
        break;
    }
  }

  #send(): void {
    if (this.#isWriting) return;
    const buffers: Uint8Array[] = [];
    if (this.#isReceiptDue) {
      this.#isReceiptDue = false;
      const entry = { subflowId: 0, delayMicroseconds: 0, bytes: this.#receivedBytes };
      buffers.push(encodeControl({ type: 'receipt', entries: [entry] }));
    }
    const pieceBytes = Math.min(PIECE_BYTES, this.#limitBytes - this.#sentBytes);
    if (pieceBytes > 0 && !this.#isExceeded) {
      if (this.#take(pieceBytes)) {
        buffers.push(dataHeader(this.#sentBytes, pieceBytes), NOISE.subarray(0, pieceBytes));
        this.#sentBytes += pieceBytes;
      } else {
        this.#exceed();
      }
    }
    if (this.#isExceeded) {
      this.#isClosing = true;
      buffers.push(encodeControl({ type: 'close', code: ERROR_CODE.resourceExceeded }));
    }
    if (buffers.length === 0) return;
    this.#isWriting = true;
    this.#options.transport.write(buffers);
  }

  #take(bytes: number): boolean {
    if (this.#freeBytes >= bytes) {
      this.#freeBytes -= bytes;
      return true;
    }
    return this.#options.allowance.tryTake(bytes);
  }

  /** Nothing is taken or sent any more but CLOSE. */
  #exceed(): void {
    if (this.#isExceeded) return;
    this.#isExceeded = true;
    this.#options.onExceeded();
  }
}

/** What is sent: links that compress would else look faster than they are. */
const NOISE = randomFillSync(new Uint8Array(PIECE_BYTES));

function dataHeader(dsn: number, payloadBytes: number): Uint8Array {
  const header = new Uint8Array(DATA_HEADER_BYTES);
  writeDataHeader(header, 0, 0, dsn, payloadBytes, false);
  return header;
}
