import { type ErrorName, TributaryError } from '../shared/protocol/errors.ts';
import { type Chunk, OwnBytes } from '../shared/protocol/memory/chunk.ts';
import { Cancellation } from '../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../shared/runtime/session/session-handlers.ts';
import { StreamRelay } from '../shared/runtime/session/stream-relay.ts';
import type { SessionKeeper } from './session/session-keeper.ts';
import type { ConnectRequest } from './socks5/connect-request.ts';
import type { SteeredStream } from './steering/steered-streams.ts';

export interface StreamOpeningOptions {
  readonly keeper: SessionKeeper;
  readonly steered: SteeredStream;
  /** Whether to answer before the origin does. */
  readonly isOptimistic: boolean;
  /** How long the origin may take to answer a client that waits for it. */
  readonly answerTimeoutMs: number;
  onResult(result: 'ok' | ErrorName): void;
}

/** Opens a stream for a SOCKS5 request and relays it; answers the request in any case. Never rejects. */
export async function openForRequest(request: ConnectRequest, options: StreamOpeningOptions): Promise<void> {
  const abandoned = new Cancellation();
  request.onAbandoned(() => abandoned.abort());
  try {
    const opening = await options.keeper.openStream(
      request.destination,
      () => options.steered.policy,
      (driver, streamId) => new StreamOpening(request, options, driver, streamId),
      abandoned,
    );
    opening.begin();
  } catch (error) {
    options.steered.over();
    const name = abandoned.aborted
      ? 'cancelled'
      : error instanceof TributaryError
        ? error.code
        : 'internalError';
    options.onResult(name);
    request.fail(name);
  }
}

/** A stream from its OPEN until its relay has taken over. */
class StreamOpening implements StreamHandlers {
  readonly #request: ConnectRequest;
  readonly #options: StreamOpeningOptions;
  readonly #driver: SessionDriver;
  readonly #streamId: number;
  readonly #relay: StreamRelay;
  #isAnswered = false;
  #isDecided = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    request: ConnectRequest,
    options: StreamOpeningOptions,
    driver: SessionDriver,
    streamId: number,
  ) {
    this.#request = request;
    this.#options = options;
    this.#driver = driver;
    this.#streamId = streamId;
    this.#relay = new StreamRelay(driver, streamId, () => this.#over());
    options.steered.opened(driver, streamId);
  }

  begin(): void {
    for (const bytes of this.#request.earlyData) {
      this.#driver.input(({ streams }) => streams.write(this.#streamId, new OwnBytes(bytes)));
    }
    if (this.#options.isOptimistic) {
      this.#succeed();
      return;
    }
    this.#request.onAbandoned(() => this.#relay.abort('cancelled'));
    this.#timer = setTimeout(() => {
      this.#driver.input(({ streams }) => streams.reset(this.#streamId, 'cancelled'));
      this.onFailed('timedOut');
    }, this.#options.answerTimeoutMs);
  }

  onOpened(): void {
    this.#decide('ok');
    if (!this.#isAnswered) this.#succeed();
  }

  onFailed(error: ErrorName): void {
    this.#decide(error);
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#request.fail(error);
    }
    this.#relay.onFailed(error);
  }

  onData(chunks: readonly Chunk[]): void {
    this.#relay.onData(chunks);
  }

  onEnded(): void {
    this.#relay.onEnded();
  }

  onWritable(): void {
    this.#relay.onWritable();
  }

  #succeed(): void {
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    this.#request.succeed();
    this.#relay.attach(this.#request.socket);
  }

  /** The stream is gone, or nobody wants it any more. */
  #over(): void {
    this.#decide('cancelled');
    this.#options.steered.over();
  }

  /** Counts how the opening ended, once. */
  #decide(result: 'ok' | ErrorName): void {
    clearTimeout(this.#timer);
    if (this.#isDecided) return;
    this.#isDecided = true;
    this.#options.onResult(result);
  }
}
