import { randomFillSync } from 'node:crypto';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../shared/protocol/codec/frame-parser.ts';
import { DATA_HEADER_BYTES } from '../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';

/** How many bytes had arrived at a moment. */
export interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** What one exchange has brought. */
export interface Exchange {
  /** From its first moment, with 0 bytes, on. */
  readonly samples: readonly Sample[];
  /** All of it arrived in time. */
  readonly isComplete: boolean;
}

/** Is told of each moment at which something has come. */
export type OnSample = (sample: Sample) => void;

/** Bytes in one DATA frame: what is written in one turn. */
const PIECE_BYTES = 64 * 1024;

/**
 * The client's end of a connection for measurements (SPEC.md section 5). One transfer at a time, and one question for the round trip
 * beside it; after a transfer that is not complete the connection is of no use, since what is under way on it may be lost for good.
 */
export class MeasurementConnection {
  readonly #transport: SubflowTransport;
  readonly #clock: MonotonicClock;
  readonly #parser = new FrameParser();
  #isWriting = false;
  #isClosed = false;
  /** Bytes of frames that were sent, and of them those that the concentrator has received. */
  #sentBytes = 0;
  #receiptedBytes = 0;
  /** Control frames that are to be sent: one of each exchange under way. */
  readonly #frames: Uint8Array[] = [];
  /** DATA that is still to be sent. */
  #unsentBytes = 0;
  #dsn = 0;
  #limit = 0;
  /** DATA that came. */
  #arrivedBytes = 0;
  /** Of the exchanges under way: told when something has come. */
  readonly #watchers = new Set<() => void>();

  constructor(transport: SubflowTransport, rest: Uint8Array, clock: MonotonicClock) {
    this.#transport = transport;
    this.#clock = clock;
    transport.setHandlers({
      onBytes: (chunk) => {
        this.#receive(chunk.bytes);
        chunk.release();
      },
      onWritable: () => {
        this.#isWriting = false;
        this.#write();
      },
      onClose: () => {
        this.#isClosed = true;
        this.#tellWatchers();
      },
    });
    this.#receive(rest);
  }

  /** Neither end's kernel asks the other for signs of life any more. */
  keepSilent(): void {
    this.#transport.keepAlive?.(false);
  }

  /** The round trip, in milliseconds; undefined when no answer came in time. */
  async ping(timeoutMs: number): Promise<number | undefined> {
    const startMs = this.#clock();
    this.#control({ type: 'ping' });
    const wanted = this.#sentBytes;
    const { isComplete } = await this.#exchange(() => this.#receiptedBytes, wanted, timeoutMs);
    return isComplete ? this.#clock() - startMs : undefined;
  }

  /** Sends so many bytes of DATA, in frames of at most 64 KiB. */
  send(bytes: number, timeoutMs: number, onSample?: OnSample): Promise<Exchange> {
    const before = this.#sentBytes;
    const frames = Math.ceil(bytes / PIECE_BYTES);
    this.#unsentBytes = bytes;
    const exchange = this.#exchange(
      () => this.#receiptedBytes - before,
      bytes + frames * DATA_HEADER_BYTES,
      timeoutMs,
      onSample,
    );
    this.#write();
    return exchange.finally(() => {
      this.#unsentBytes = 0;
    });
  }

  /** Has the concentrator send so many bytes of DATA. */
  receive(bytes: number, timeoutMs: number, onSample?: OnSample): Promise<Exchange> {
    const before = this.#arrivedBytes;
    this.#limit += bytes;
    const exchange = this.#exchange(() => this.#arrivedBytes - before, bytes, timeoutMs, onSample);
    this.#control({ type: 'window', streamId: 0, ack: before, limit: this.#limit });
    return exchange;
  }

  close(): void {
    this.#transport.destroy();
  }

  /** @param progress bytes that have arrived so far */
  #exchange(
    progress: () => number,
    wantedBytes: number,
    timeoutMs: number,
    onSample?: OnSample,
  ): Promise<Exchange> {
    const samples: Sample[] = [{ atMs: this.#clock(), bytes: 0 }];
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        resolve({ samples, isComplete: progress() >= wantedBytes });
      };
      const timer = setTimeout(finish, timeoutMs);
      const watch = () => {
        const bytes = Math.max(0, progress());
        if (bytes > samples.at(-1)!.bytes) {
          const sample = { atMs: this.#clock(), bytes };
          addSample(samples, sample);
          onSample?.(sample);
        }
        if (bytes >= wantedBytes || this.#isClosed) finish();
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  #tellWatchers(): void {
    for (const watch of [...this.#watchers]) watch();
  }

  /** It leaves when what is being written has left. */
  #control(frame: ControlFrame): void {
    const bytes = encodeControl(frame);
    this.#sentBytes += bytes.length;
    this.#frames.push(bytes);
    this.#write();
  }

  #write(): void {
    if (this.#isWriting || this.#isClosed) return;
    if (this.#frames.length > 0) {
      this.#isWriting = true;
      this.#transport.write(this.#frames.splice(0));
      return;
    }
    if (this.#unsentBytes === 0) return;
    const bytes = Math.min(PIECE_BYTES, this.#unsentBytes);
    this.#unsentBytes -= bytes;
    const header = new Uint8Array(DATA_HEADER_BYTES);
    writeDataHeader(header, 0, 0, this.#dsn, bytes, false);
    this.#dsn += bytes;
    this.#sentBytes += header.length + bytes;
    this.#isWriting = true;
    this.#transport.write([header, NOISE.subarray(0, bytes)]);
  }

  #receive(bytes: Uint8Array): void {
    this.#parser.push(bytes, {
      onData: (_stream, _dsn, payload) => {
        this.#arrivedBytes += payload.length;
      },
      onControl: (frame) => {
        if (frame.type === 'receipt') this.#receiptedBytes = frame.entries.at(-1)!.bytes;
        if (frame.type === 'close') this.#transport.destroy();
      },
    });
    this.#tellWatchers();
  }
}

/** Ends what began as a session, at a concentrator that does not know measurements. */
export function closeSession(transport: SubflowTransport): void {
  transport.setHandlers({
    onBytes: (chunk) => chunk.release(),
    onWritable: () => {},
    onClose: () => clearTimeout(timer),
  });
  transport.write([encodeControl({ type: 'close', code: ERROR_CODE.goingAway })]);
  // The concentrator closes when it has read that; if not, this end does.
  const timer = setTimeout(() => transport.destroy(), CLOSE_MS);
}

const CLOSE_MS = 500;
/** Samples within this time of the last one replace it: an exchange lasts seconds, and has a sample each millisecond at most. */
const SAMPLE_MS = 1;
const NOISE = randomFillSync(new Uint8Array(PIECE_BYTES));

/** Adds a sample, in place of the last one where that is from a moment before. */
export function addSample(samples: Sample[], sample: Sample): void {
  if (samples.length > 1 && sample.atMs - samples.at(-2)!.atMs < SAMPLE_MS) samples.pop();
  samples.push(sample);
}
