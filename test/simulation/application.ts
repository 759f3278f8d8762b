import { FIRST_INBOUND_STREAM } from '../../shared/protocol/codec/wire.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { ChunkKeeper } from './chunk-keeper.ts';
import type { VirtualClock } from './clock.ts';
import type { End } from './end.ts';
import { isPattern, patternAt } from './pattern.ts';
import type { Random } from './random.ts';

/** What one end's application sends, and how it reads. */
export interface ApplicationSpec {
  readonly sendBytes: number;
  /** Largest single write. */
  readonly chunkBytes: number;
  /** Each write is as large as that, or as small as a sixteenth. */
  readonly isEven?: boolean;
  /** Between two writes; 0 writes as fast as the session takes it. */
  readonly writePauseMs: number;
  /** Sends only after the other end has finished, as a server does that needs the whole request. */
  readonly sendsAfterPeer: boolean;
  /** Infinite for one that takes everything at once. */
  readonly readBytesPerMs: number;
  /** Stops reading for a while after so many bytes. */
  readonly readStop: { readonly atBytes: number; readonly forMs: number } | undefined;
}

const READ_TICK_MS = 5;

/** The application at one end of a stream: writes its pattern, checks the other's byte by byte. */
export class Application {
  receivedBytes = 0;
  consumedBytes = 0;
  isSendEnded = false;
  isReceiveEnded = false;
  failure: ErrorName | undefined;
  /** When the last byte and the end had been read. */
  finishedAtMs: number | undefined;
  /** Longest time between two arrivals of bytes. */
  longestGapMs = 0;
  firstByteAtMs: number | undefined;
  lastArrivalMs: number | undefined;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #end: End;
  readonly #chunks: ChunkKeeper;
  readonly #spec: ApplicationSpec;
  readonly #streamId: number;
  readonly #sendKey: number;
  readonly #receiveKey: number;
  #sentBytes = 0;
  #hasStarted = false;
  #hasGivenUp = false;
  #mayWrite = false;
  #writeArmed = false;
  #readArmed = false;
  #mayReadFromMs = 0;
  #hasStopped = false;
  #pauses = true;

  constructor(
    tools: { clock: VirtualClock; random: Random; end: End; chunks: ChunkKeeper },
    spec: ApplicationSpec,
    streamId: number,
  ) {
    this.#clock = tools.clock;
    this.#random = tools.random;
    this.#end = tools.end;
    this.#chunks = tools.chunks;
    this.#spec = spec;
    this.#streamId = streamId;
    const isClient = tools.end.side === 'client';
    // Ids of inbound streams are too large to be doubled.
    const pair = (streamId % FIRST_INBOUND_STREAM) * 4 + (streamId < FIRST_INBOUND_STREAM ? 0 : 2);
    this.#sendKey = pair + (isClient ? 0 : 1);
    this.#receiveKey = pair + (isClient ? 1 : 0);
  }

  /** Neither half has anything left to do. */
  get isSettled(): boolean {
    return this.failure !== undefined || this.isFinished;
  }

  get isFinished(): boolean {
    return this.isSendEnded && this.isReceiveEnded && this.consumedBytes === this.receivedBytes;
  }

  /** From now on it writes and reads. */
  start(): void {
    this.#hasStarted = true;
    this.#mayWrite = true;
    this.#write();
    this.#read();
  }

  onData(bytes: Uint8Array): void {
    if (this.#hasGivenUp) return;
    if (this.isReceiveEnded) throw new Error(`stream ${this.#streamId}: bytes behind the end`);
    if (this.failure !== undefined) throw new Error(`stream ${this.#streamId}: bytes behind a failure`);
    if (bytes.length === 0) throw new Error(`stream ${this.#streamId}: an empty piece`);
    if (!isPattern(this.#receiveKey, this.receivedBytes, bytes)) {
      throw new Error(
        `${this.#end.side}, stream ${this.#streamId}: wrong bytes at DSN ${this.receivedBytes}, ${bytes.length} long`,
      );
    }
    this.receivedBytes += bytes.length;
    const { nowMs } = this.#clock;
    this.firstByteAtMs ??= nowMs;
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - (this.lastArrivalMs ?? nowMs));
    this.lastArrivalMs = nowMs;
    this.#read();
  }

  onEnded(): void {
    if (this.#hasGivenUp) return;
    if (this.isReceiveEnded) throw new Error(`stream ${this.#streamId}: ended twice`);
    if (this.failure !== undefined) throw new Error(`stream ${this.#streamId}: ended behind a failure`);
    this.isReceiveEnded = true;
    this.#write();
    this.#noteFinish();
  }

  onWritable(): void {
    this.#mayWrite = true;
    this.#write();
  }

  onFailed(error: ErrorName): void {
    if (this.#hasGivenUp) return;
    if (this.failure !== undefined) throw new Error(`stream ${this.#streamId}: failed twice`);
    this.failure = error;
  }

  /** Ends the stream; events that the session had ready by then say nothing to it any more. */
  reset(error: ErrorName): void {
    if (this.isSettled) return;
    this.giveUp(error);
    this.#end.input(({ streams }) => streams.reset(this.#streamId, error));
    this.#end.wake();
  }

  /** From now on it writes without pauses. */
  hurry(): void {
    this.#pauses = false;
  }

  /** It wants nothing more of the stream. */
  giveUp(error: ErrorName): void {
    this.failure = error;
    this.#hasGivenUp = true;
  }

  get #mustWait(): boolean {
    return this.#spec.sendsAfterPeer && !this.isReceiveEnded;
  }

  #write(): void {
    const { sendBytes, chunkBytes, writePauseMs, isEven = false } = this.#spec;
    if (!this.#hasStarted || this.isSendEnded || this.failure !== undefined || this.#mustWait) return;
    while (this.#mayWrite && !this.#writeArmed && this.#sentBytes < sendBytes) {
      const most = Math.min(chunkBytes, sendBytes - this.#sentBytes);
      const length = isEven ? most : Math.ceil(this.#random.logBetween(Math.max(1, most / 16), most));
      const chunk = this.#chunks.make(patternAt(this.#sendKey, this.#sentBytes, length));
      this.#sentBytes += length;
      this.#mayWrite = this.#end.input(({ streams }) => streams.write(this.#streamId, chunk));
      this.#end.wake();
      if (writePauseMs > 0 && this.#pauses) this.#pauseWriting(writePauseMs);
    }
    if (this.#sentBytes < sendBytes || this.#writeArmed) return;
    this.isSendEnded = true;
    this.#end.input(({ streams }) => streams.end(this.#streamId));
    this.#end.wake();
    this.#noteFinish();
  }

  #pauseWriting(pauseMs: number): void {
    this.#writeArmed = true;
    this.#clock.after(pauseMs, () => {
      this.#writeArmed = false;
      this.#write();
    });
  }

  #read(): void {
    const waiting = this.receivedBytes - this.consumedBytes;
    if (!this.#hasStarted || waiting === 0 || this.#readArmed || this.failure !== undefined) return;
    const { nowMs } = this.#clock;
    const { readBytesPerMs, readStop } = this.#spec;
    if (readStop !== undefined && !this.#hasStopped && this.consumedBytes >= readStop.atBytes) {
      this.#hasStopped = true;
      this.#mayReadFromMs = nowMs + readStop.forMs;
    }
    if (nowMs < this.#mayReadFromMs) {
      this.#readLater(this.#mayReadFromMs);
      return;
    }
    this.#consume(Math.min(waiting, Math.ceil(readBytesPerMs * READ_TICK_MS)));
    if (this.consumedBytes < this.receivedBytes) this.#readLater(nowMs + READ_TICK_MS);
  }

  #readLater(atMs: number): void {
    this.#readArmed = true;
    this.#clock.at(atMs, () => {
      this.#readArmed = false;
      this.#read();
    });
  }

  #consume(bytes: number): void {
    this.consumedBytes += bytes;
    this.#end.input(({ streams }) => streams.consumed(this.#streamId, bytes));
    this.#end.wake();
    this.#noteFinish();
  }

  #noteFinish(): void {
    if (this.isReceiveEnded && this.consumedBytes === this.receivedBytes) {
      this.finishedAtMs ??= this.#clock.nowMs;
    }
  }
}
