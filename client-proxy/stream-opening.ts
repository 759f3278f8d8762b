import { type ErrorName, TributaryError } from '../shared/protocol/errors.ts';
import { type Chunk, OwnBytes } from '../shared/protocol/memory/chunk.ts';
import { Cancellation } from '../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../shared/runtime/session/session-handlers.ts';
import { StreamRelay } from '../shared/runtime/session/stream-relay.ts';
import { FirstBytes } from './first-bytes.ts';
import type { ConnectRequest } from './front/connect-request.ts';
import { askedOverConcentrator } from './front/name-requests.ts';
import { type OptimisticReplyPolicy, repliesOptimistically } from './front/optimistic-reply.ts';
import { ProvenFamilies } from './front/proven-families.ts';
import type { SessionKeeper } from './session/session-keeper.ts';
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
  /** How a lookup was answered. */
  readonly onLookedUp: (result: 'ok' | ErrorName) => void;
}

/** A session may go away just when a stream is opened in it, and so may the next. */
const MAX_ATTEMPTS = 3;

/** What an application has asked for, through all attempts to open a stream for it. */
interface Asked {
  readonly request: ConnectRequest;
  readonly steered: SteeredStream;
  readonly firstBytes: FirstBytes;
  isAnswered: boolean;
  attempts: number;
}

/** Opens a stream for each SOCKS5 request and relays it. */
export class StreamOpener {
  readonly #options: StreamOpenerOptions;
  readonly #families = new ProvenFamilies();

  constructor(options: StreamOpenerOptions) {
    this.#options = options;
  }

  /** Answers the request in any case. Never rejects. */
  open(from: ConnectRequest, steered: SteeredStream): Promise<void> {
    const request = from.lookup === undefined ? from : askedOverConcentrator(from, this.#options.onLookedUp);
    const firstBytes = new FirstBytes(request.earlyData);
    return this.#attempt({ request, steered, firstBytes, isAnswered: false, attempts: 0 });
  }

  /** @param refusedBy the session that has refused the last attempt */
  async #attempt(asked: Asked, refusedBy?: SessionDriver): Promise<void> {
    const { request, steered, firstBytes } = asked;
    const abandoned = new Cancellation();
    if (asked.isAnswered) firstBytes.hold(() => abandoned.abort());
    else request.onAbandoned(() => abandoned.abort());
    asked.attempts++;
    try {
      const opening = await this.#options.keeper.openStream(
        request.destination,
        () => steered.policy,
        (driver, streamId) =>
          new StreamOpening({
            ...this.#options,
            families: this.#families,
            asked,
            driver,
            streamId,
            repeat: () => void this.#attempt(asked, driver),
          }),
        abandoned,
        refusedBy,
      );
      opening.begin();
    } catch (error) {
      steered.over();
      const name = abandoned.aborted ? 'cancelled' : errorName(error);
      this.#options.onResult(name);
      if (asked.isAnswered) request.socket.destroy('reset');
      else request.fail(name);
    }
  }
}

interface StreamOpeningOptions extends StreamOpenerOptions {
  readonly families: ProvenFamilies;
  readonly asked: Asked;
  readonly driver: SessionDriver;
  readonly streamId: number;
  /** Begins again, in another session. */
  repeat(): void;
}

/** A stream from its OPEN until its relay has taken over. */
class StreamOpening implements StreamHandlers {
  readonly #options: StreamOpeningOptions;
  readonly #asked: Asked;
  readonly #driver: SessionDriver;
  readonly #streamId: number;
  readonly #relay: StreamRelay;
  #isDecided = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StreamOpeningOptions) {
    const { asked, driver, streamId, stallTimeoutMs } = options;
    this.#options = options;
    this.#asked = asked;
    this.#driver = driver;
    this.#streamId = streamId;
    this.#relay = new StreamRelay(driver, streamId, () => this.#over(), stallTimeoutMs);
    asked.steered.opened(driver, streamId);
  }

  begin(): void {
    const { request, firstBytes, isAnswered } = this.#asked;
    for (const bytes of firstBytes.pieces) {
      this.#driver.input(({ streams }) => streams.write(this.#streamId, new OwnBytes(bytes)));
    }
    if (firstBytes.hasEnded) this.#relay.onEnd();
    if (isAnswered) {
      this.#attach();
      return;
    }
    const { optimisticReply, families } = this.#options;
    // To a question there is no answer before the answer.
    const isQuestion = request.lookup !== undefined;
    const isPromised = repliesOptimistically(optimisticReply, request.destination, families);
    if (request.isConnected || (!isQuestion && isPromised)) {
      this.#succeed();
      return;
    }
    request.onAbandoned(() => this.#relay.abort('cancelled'));
    this.#timer = setTimeout(() => {
      this.#driver.input(({ streams }) => streams.reset(this.#streamId, 'cancelled'));
      this.onFailed('timedOut');
    }, this.#options.answerTimeoutMs);
  }

  onOpened(): void {
    const { request, firstBytes, isAnswered } = this.#asked;
    this.#decide('ok');
    firstBytes.release();
    if (isAnswered) request.socket.setHandlers(this.#relay);
    else this.#succeed();
  }

  onRefused(error: ErrorName): void {
    // The concentrator was going away already when OPEN came.
    if (error === 'goingAway' && this.#mayRepeat) this.#repeat();
    else this.onFailed(error);
  }

  onFailed(error: ErrorName, hasAll = false): void {
    this.#decide(error);
    if (!this.#asked.isAnswered) {
      this.#asked.isAnswered = true;
      this.#asked.request.fail(error);
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

  onBlocked(): void {
    this.#relay.onBlocked();
  }

  #succeed(): void {
    this.#asked.isAnswered = true;
    clearTimeout(this.#timer);
    this.#asked.request.succeed();
    this.#attach();
  }

  #attach(): void {
    const { request, firstBytes } = this.#asked;
    this.#relay.attach(request.socket);
    if (this.#isDecided) return;
    firstBytes.goOnTo(this.#relay);
    request.socket.setHandlers(firstBytes);
  }

  get #mayRepeat(): boolean {
    const { attempts, firstBytes } = this.#asked;
    return !this.#isDecided && attempts < MAX_ATTEMPTS && firstBytes.mayRepeat;
  }

  /** The relay has nothing of the application's but what the first bytes have, too: it is left where it is. */
  #repeat(): void {
    clearTimeout(this.#timer);
    this.#isDecided = true;
    if (this.#asked.isAnswered) this.#asked.request.socket.pause();
    this.#options.repeat();
  }

  /** The stream is gone, or nobody wants it any more. */
  #over(): void {
    this.#decide('cancelled');
    this.#asked.steered.over();
  }

  /** Counts how the opening ended, once. */
  #decide(result: 'ok' | ErrorName): void {
    clearTimeout(this.#timer);
    if (this.#isDecided) return;
    this.#isDecided = true;
    this.#options.families.note(this.#asked.request.destination.host, result);
    this.#options.onResult(result);
  }
}

function errorName(error: unknown): ErrorName {
  return error instanceof TributaryError ? error.code : 'internalError';
}
