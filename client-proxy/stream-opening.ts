import { type ErrorName, TributaryError } from '../shared/protocol/errors.ts';
import { type Chunk, OwnBytes } from '../shared/protocol/memory/chunk.ts';
import { Cancellation } from '../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../shared/runtime/session/session-handlers.ts';
import { StreamRelay } from '../shared/runtime/session/stream-relay.ts';
import type { SessionKeeper } from './session/session-keeper.ts';
import type { ConnectRequest } from './socks5/connect-request.ts';
import { type OptimisticReplyPolicy, repliesOptimistically } from './socks5/optimistic-reply.ts';
import type { SteeredStream } from './steering/steered-streams.ts';

export interface StreamOpenerOptions {
  readonly keeper: Pick<SessionKeeper, 'openStream'>;
  /** When an application is answered before the origin has answered. */
  readonly optimisticReply: OptimisticReplyPolicy;
  /** How long the origin may take to answer an application that waits for it. */
  readonly answerTimeoutMs: number;
  /** What an application that is gone had sent may make no progress for so long: its origin takes nothing. */
  readonly stallTimeoutMs: number;
  /** How an opening ended. */
  onResult(result: 'ok' | ErrorName): void;
}

/** Opens a stream for each SOCKS5 request and relays it. */
export class StreamOpener {
  readonly #options: StreamOpenerOptions;

  constructor(options: StreamOpenerOptions) {
    this.#options = options;
  }

  /** Answers the request in any case. Never rejects. */
  async open(request: ConnectRequest, steered: SteeredStream): Promise<void> {
    const abandoned = new Cancellation();
    request.onAbandoned(() => abandoned.abort());
    try {
      const opening = await this.#options.keeper.openStream(
        request.destination,
        () => steered.policy,
        (driver, streamId) => new StreamOpening({ ...this.#options, request, steered, driver, streamId }),
        abandoned,
      );
      opening.begin();
    } catch (error) {
      steered.over();
      const name = abandoned.aborted ? 'cancelled' : errorName(error);
      this.#options.onResult(name);
      request.fail(name);
    }
  }
}

interface StreamOpeningOptions extends StreamOpenerOptions {
  readonly request: ConnectRequest;
  readonly steered: SteeredStream;
  readonly driver: SessionDriver;
  readonly streamId: number;
}

/** A stream from its OPEN until its relay has taken over. */
class StreamOpening implements StreamHandlers {
  readonly #options: StreamOpeningOptions;
  readonly #request: ConnectRequest;
  readonly #driver: SessionDriver;
  readonly #streamId: number;
  readonly #relay: StreamRelay;
  #isAnswered = false;
  #isDecided = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamOpeningOptions) {
    const { request, steered, driver, streamId, stallTimeoutMs } = options;
    this.#options = options;
    this.#request = request;
    this.#driver = driver;
    this.#streamId = streamId;
    this.#relay = new StreamRelay(driver, streamId, () => this.#over(), stallTimeoutMs);
    steered.opened(driver, streamId);
  }

  begin(): void {
    for (const bytes of this.#request.earlyData) {
      this.#driver.input(({ streams }) => streams.write(this.#streamId, new OwnBytes(bytes)));
    }
    if (repliesOptimistically(this.#options.optimisticReply, this.#request.destination)) {
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

  onFailed(error: ErrorName, hasAll = false): void {
    this.#decide(error);
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#request.fail(error);
    }
    this.#relay.onFailed(error, hasAll);
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

function errorName(error: unknown): ErrorName {
  return error instanceof TributaryError ? error.code : 'internalError';
}
