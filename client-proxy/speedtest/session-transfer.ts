import { randomFillSync } from 'node:crypto';
import { concatBytes } from '../../shared/protocol/codec/bytes.ts';
import {
  encodeSpeedRequest,
  lastSpeedReport,
  SPEED_REPORT_BYTES,
  SPEED_SERVICE,
} from '../../shared/protocol/codec/speed-request.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { type Chunk, OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import {
  addSample,
  type Exchange,
  type OnSample,
  type Sample,
} from '../measurement/measurement-connection.ts';
import type { Transfer } from '../measurement/transfer.ts';
import type { SessionKeeper } from '../session/session-keeper.ts';

/** What a transfer over the session has brought. */
export interface SessionExchange extends Exchange {
  /** Why it ended before its time; absent where it did not. */
  readonly error?: ErrorName;
}

export interface SessionTransferDeps {
  readonly keeper: Pick<SessionKeeper, 'openStream'>;
  readonly clock: MonotonicClock;
}

/** Written in one turn. */
const PIECE_BYTES = 64 * 1024;

/**
 * Carries out a transfer over one stream of the session, to or from the concentrator itself (SPEC.md section 6, Speed). Never
 * rejects. A stream that waits for a session in vain has the keeper's error.
 */
export async function transferOverSession(
  transfer: Transfer,
  policy: StreamPolicy,
  { keeper, clock }: SessionTransferDeps,
  onSample?: OnSample,
): Promise<SessionExchange> {
  const giveUp = new Cancellation();
  const timer = setTimeout(() => giveUp.abort(), transfer.timeoutMs);
  try {
    const stream = await keeper.openStream(
      SPEED_SERVICE,
      () => policy,
      (driver, streamId) => new SpeedStream(driver, streamId, transfer, clock, onSample),
      giveUp,
    );
    return await stream.run();
  } catch (error) {
    const code = (error as { code?: ErrorName }).code ?? 'uplinksLost';
    return { samples: [], isComplete: false, error: code };
  } finally {
    clearTimeout(timer);
  }
}

class SpeedStream implements StreamHandlers {
  readonly #driver: SessionDriver;
  readonly #streamId: number;
  readonly #transfer: Transfer;
  readonly #clock: MonotonicClock;
  readonly #onSample: OnSample | undefined;
  readonly #samples: Sample[];
  #finish: (exchange: SessionExchange) => void = () => {};
  #next: NodeJS.Immediate | undefined;
  #mayWrite = true;
  #unsentBytes: number;
  /** What has come of a report that is not whole. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Of payload, at the end where it goes to. */
  #arrivedBytes = 0;

  constructor(
    driver: SessionDriver,
    streamId: number,
    transfer: Transfer,
    clock: MonotonicClock,
    onSample: OnSample | undefined,
  ) {
    this.#driver = driver;
    this.#streamId = streamId;
    this.#transfer = transfer;
    this.#clock = clock;
    this.#onSample = onSample;
    this.#samples = [{ atMs: clock(), bytes: 0 }];
    this.#unsentBytes = transfer.direction === 'up' ? transfer.bytes : 0;
  }

  run(): Promise<SessionExchange> {
    const { timeoutMs } = this.#transfer;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(), timeoutMs);
      this.#finish = (exchange) => {
        this.#finish = () => {};
        clearTimeout(timer);
        clearImmediate(this.#next);
        resolve(exchange);
      };
      this.#write(encodeSpeedRequest(this.#transfer));
      this.#goOn();
    });
  }

  onOpened(): void {}

  onData(chunks: readonly Chunk[]): void {
    let bytes = 0;
    for (const chunk of chunks) {
      bytes += chunk.bytes.length;
      if (this.#transfer.direction === 'up') this.#rest = concatBytes(this.#rest, chunk.bytes);
      chunk.release();
    }
    this.#driver.input(({ streams }) => streams.consumed(this.#streamId, bytes));
    if (this.#transfer.direction === 'down') {
      this.#onArrived(this.#arrivedBytes + bytes);
      return;
    }
    this.#onArrived(lastSpeedReport(this.#rest));
    this.#rest = this.#rest.slice(this.#rest.length - (this.#rest.length % SPEED_REPORT_BYTES));
  }

  onEnded(): void {
    this.#end();
  }

  onFailed(error: ErrorName): void {
    this.#end(error);
  }

  onWritable(): void {
    this.#mayWrite = true;
    this.#goOn();
  }

  onBlocked(): void {
    this.#mayWrite = false;
  }

  #goOn(): void {
    if (this.#unsentBytes > 0) this.#next ??= setImmediate(() => this.#send());
  }

  #send(): void {
    this.#next = undefined;
    if (!this.#mayWrite || this.#unsentBytes === 0) return;
    const bytes = Math.min(PIECE_BYTES, this.#unsentBytes);
    this.#unsentBytes -= bytes;
    this.#write(NOISE.subarray(0, bytes));
    if (this.#unsentBytes === 0) this.#driver.input(({ streams }) => streams.end(this.#streamId));
    this.#goOn();
  }

  #write(bytes: Uint8Array): void {
    const mayContinue = this.#driver.input(({ streams }) =>
      streams.write(this.#streamId, new OwnBytes(bytes)),
    );
    this.#mayWrite = mayContinue && !this.#driver.holdsBack(this.#streamId);
  }

  #onArrived(bytes: number): void {
    if (bytes <= this.#arrivedBytes) return;
    this.#arrivedBytes = bytes;
    const sample = { atMs: this.#clock(), bytes };
    addSample(this.#samples, sample);
    this.#onSample?.(sample);
    if (bytes >= this.#transfer.bytes) this.#end();
  }

  /** What is still under way is of no use to anybody. */
  #end(error?: ErrorName): void {
    this.#driver.forgetStream(this.#streamId);
    this.#driver.input(({ streams }) => streams.reset(this.#streamId, 'cancelled'));
    const isComplete = this.#arrivedBytes >= this.#transfer.bytes;
    const failure = error === undefined || isComplete ? {} : { error };
    this.#finish({ samples: this.#samples, isComplete, ...failure });
  }
}

/** What is sent: links that compress would else look faster than they are. */
const NOISE = randomFillSync(new Uint8Array(PIECE_BYTES));
