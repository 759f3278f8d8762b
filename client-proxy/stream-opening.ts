import { type ErrorName, TributaryError } from '../shared/protocol/errors.ts';
import { type Chunk, OwnBytes } from '../shared/protocol/memory/chunk.ts';
import { PassingSet } from '../shared/protocol/passing-set.ts';
import type { StreamPolicy } from '../shared/protocol/steering/steering-policy.ts';
import { Cancellation } from '../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../shared/runtime/clock.ts';
import type { SessionDriver } from '../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../shared/runtime/session/session-handlers.ts';
import { StreamRelay } from '../shared/runtime/session/stream-relay.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import { FirstBytes } from './first-bytes.ts';
import type { ConnectRequest } from './front/connect-request.ts';
import { askedOverConcentrator } from './front/name-requests.ts';
import { type OptimisticReplyPolicy, repliesOptimistically } from './front/optimistic-reply.ts';
import { ProvenFamilies } from './front/proven-families.ts';
import type { SteeredStream } from './steering/steered-streams.ts';

export interface StreamOpenerOptions {
  readonly keeper: Pick<Concentrators, 'openStream'>;
  /** When an application is answered before the origin has answered. */
  readonly optimisticReply: OptimisticReplyPolicy;
  /** How long the origin may take to answer an application that waits for it. */
  readonly answerTimeoutMs: number;
  /** What an application that is gone had sent may make no progress for so long: its origin takes nothing. */
  readonly stallTimeoutMs: number;
  /** Connects past the concentrator what has waited for a session. Answers the request in any case. */
  openDirect(request: ConnectRequest, policy: StreamPolicy): void;
  readonly clock: MonotonicClock;
  /** The concentrator has opened a stream, so long after the application asked for it. */
  onOpened(ms: number): void;
  /** How an opening ended. */
  onResult(result: 'ok' | ErrorName): void;
  /** A stream that was open has ended with its session: what its application still waits for does not come. */
  onLost(): void;
  /** How a lookup was answered. */
  readonly onLookedUp: (result: 'ok' | ErrorName) => void;
}

/** Why nothing waits for a session any more: it goes directly. */
const GOES_DIRECTLY = new Error('goes directly');

/** A session may go away just when a stream is opened in it, and so may the next. */
const MAX_ATTEMPTS = 3;

/** A session ends so by what happens to it. Where it ends for a fault, what it carried may be to blame, and must not end the next one. */
const SESSION_LOST: ReadonlySet<ErrorName> = new Set(['sessionUnknown', 'uplinksLost', 'goingAway']);

/** What an application has asked for, through all attempts to open a stream for it. */
interface Asked {
  readonly request: ConnectRequest;
  /** The same as the application made it: a question that goes to the concentrator is another one. */
  readonly from: ConnectRequest;
  readonly steered: SteeredStream;
  readonly firstBytes: FirstBytes;
  readonly startedMs: number;
  isAnswered: boolean;
  attempts: number;
}

/** Opens a stream for each request of an application and relays it. */
export class StreamOpener {
  readonly #options: StreamOpenerOptions;
  /** Sends what waits for a session, or for its answer, past the concentrator; as many as there are connections of applications at most. */
  readonly #waiting = new PassingSet<() => void>();
  /** Streams that have no answer yet. */
  readonly #unanswered = new PassingSet<StreamOpening>();
  readonly #families = new ProvenFamilies();

  constructor(options: StreamOpenerOptions) {
    this.#options = options;
  }

  /** What waits for a session, or has asked for a stream and said nothing yet, goes past the concentrator. */
  divertWaiting(): void {
    for (const divert of [...this.#waiting]) divert();
  }

  /** Nothing is heard in these sessions, and there are others: what has no answer yet begins again there, if it can. */
  moveFrom(silent: ReadonlySet<SessionDriver>): void {
    for (const opening of [...this.#unanswered]) if (silent.has(opening.driver)) opening.move();
  }

  /** Answers the request in any case. Never rejects. */
  open(from: ConnectRequest, steered: SteeredStream): Promise<void> {
    const request = from.lookup === undefined ? from : askedOverConcentrator(from, this.#options.onLookedUp);
    const firstBytes = new FirstBytes(request.earlyData);
    const startedMs = this.#options.clock();
    return this.#attempt({ request, from, steered, firstBytes, startedMs, isAnswered: false, attempts: 0 });
  }

  /** @param refusedBy the session that has refused the last attempt */
  async #attempt(asked: Asked, refusedBy?: SessionDriver): Promise<void> {
    const { request, steered, firstBytes } = asked;
    const abandoned = new Cancellation();
    if (asked.isAnswered) firstBytes.hold(() => abandoned.abort());
    else request.onAbandoned(() => abandoned.abort());
    asked.attempts++;
    // An application that has ended already is no longer there to see how its connection goes on.
    const isBound = steered.concentrator?.isOnly === true;
    const mayDivert = !isBound && (!asked.isAnswered || (firstBytes.mayRepeat && !firstBytes.hasEnded));
    const divert = () => abandoned.abort(GOES_DIRECTLY);
    if (mayDivert) this.#waiting.add(divert);
    try {
      const opening = await this.#options.keeper.openStream(
        request.destination,
        () => steered.policy,
        (driver, streamId) =>
          new StreamOpening({
            opener: this.#options,
            families: this.#families,
            asked,
            driver,
            streamId,
            repeat: () => void this.#attempt(asked, driver),
            waiting: this.#waiting,
            unanswered: this.#unanswered,
          }),
        abandoned,
        refusedBy,
        steered.concentrator,
      );
      opening.begin();
    } catch (error) {
      steered.over();
      if (error === GOES_DIRECTLY) {
        this.#options.openDirect(asked.isAnswered ? answeredRequest(asked) : asked.from, steered.policy);
        return;
      }
      const name = abandoned.aborted ? 'cancelled' : errorName(error);
      this.#options.onResult(name);
      if (asked.isAnswered) {
        request.onFailedLate?.(name);
        request.socket.destroy('reset');
      } else {
        request.fail(name);
      }
    } finally {
      this.#waiting.delete(divert);
    }
  }
}

interface StreamOpeningOptions {
  readonly opener: StreamOpenerOptions;
  readonly families: ProvenFamilies;
  readonly asked: Asked;
  readonly driver: SessionDriver;
  readonly streamId: number;
  /** Begins again, in another session. */
  repeat(): void;
  /** What may go past the concentrator yet. */
  readonly waiting: PassingSet<() => void>;
  readonly unanswered: PassingSet<StreamOpening>;
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
  readonly #divert = () => {
    const { request, steered } = this.#asked;
    const { policy } = steered;
    // It is counted as a direct connection; nobody has cancelled anything.
    this.#settle();
    this.#relay.abort('cancelled');
    this.#options.opener.openDirect(request, policy);
  };

  constructor(options: StreamOpeningOptions) {
    const { asked, driver, streamId, opener } = options;
    this.#options = options;
    this.#asked = asked;
    this.#driver = driver;
    this.#streamId = streamId;
    this.#relay = new StreamRelay(driver, streamId, () => this.#over(), opener.stallTimeoutMs);
    asked.steered.opened(driver, streamId);
  }

  get driver(): SessionDriver {
    return this.#driver;
  }

  /** Begins again in another session, if no origin can have got anything twice that matters. */
  move(): void {
    const { steered, firstBytes } = this.#asked;
    if (!this.#mayRepeat || steered.concentrator?.isOnly === true || !saysNothingTwice(firstBytes)) return;
    this.#driver.input(({ streams }) => streams.reset(this.#streamId, 'cancelled'));
    // A reset of our own is no event, and its answer may be one that waits.
    this.#driver.forgetStream(this.#streamId);
    this.#repeat();
  }

  begin(): void {
    const { request, steered, firstBytes, isAnswered } = this.#asked;
    this.#options.unanswered.add(this);
    for (const bytes of firstBytes.pieces) {
      this.#driver.input(({ streams }) => streams.write(this.#streamId, new OwnBytes(bytes)));
    }
    if (firstBytes.hasEnded) this.#relay.onEnd();
    if (isAnswered) {
      this.#attach();
      return;
    }
    const { opener, families, waiting } = this.#options;
    // To a question there is no answer before the answer.
    const isQuestion = request.lookup !== undefined;
    const isPromised = repliesOptimistically(opener.optimisticReply, request.destination, families);
    if (request.isConnected || (!isQuestion && isPromised)) {
      this.#succeed();
      return;
    }
    request.onAbandoned(() => this.#relay.abort('cancelled'));
    // Nothing of the application's has been sent that an origin could get twice.
    const isBound = steered.concentrator?.isOnly === true;
    if (firstBytes.pieces.length === 0 && !isBound) waiting.add(this.#divert);
    this.#timer = setTimeout(() => {
      this.#driver.input(({ streams }) => streams.reset(this.#streamId, 'cancelled'));
      this.onFailed('timedOut');
    }, opener.answerTimeoutMs);
  }

  onOpened(): void {
    const { request, firstBytes, isAnswered, startedMs } = this.#asked;
    const { opener } = this.#options;
    if (!this.#isDecided) opener.onOpened(opener.clock() - startedMs);
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
    // The session is over, as where the concentrator has forgotten it: the next one can have what is worth no more than a beginning.
    const isWithSession = this.#driver.isClosed && SESSION_LOST.has(error);
    if (isWithSession && this.#mayRepeat && saysNothingTwice(this.#asked.firstBytes)) {
      this.#repeat();
      return;
    }
    const isNew = !this.#isDecided;
    if (!isNew && !hasAll && this.#driver.isClosed) this.#options.opener.onLost();
    this.#decide(error);
    if (!this.#asked.isAnswered) {
      this.#asked.isAnswered = true;
      this.#asked.request.fail(error);
    } else if (isNew) {
      this.#asked.request.onFailedLate?.(error);
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
    this.#settle();
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
    const isDecided = this.#isDecided;
    this.#settle();
    if (isDecided) return;
    this.#options.families.note(this.#asked.request.destination.host, result);
    this.#options.opener.onResult(result);
  }

  /** Nothing more is to be counted, or to be waited for. */
  #settle(): void {
    clearTimeout(this.#timer);
    this.#options.waiting.delete(this.#divert);
    this.#options.unanswered.delete(this);
    this.#isDecided = true;
  }
}

/** A record of TLS begins with its kind, a version (3.x) and its length; one of a handshake goes on with the kind of message (RFC 8446). */
const HANDSHAKE_RECORD = 22;
const TLS_MAJOR = 3;
const RECORD_HEADER_BYTES = 5;
const CLIENT_HELLO = 1;

/**
 * Whether an origin may get it twice: nothing, or the greeting of TLS, behind which it waits for an answer. What follows the greeting at
 * once (0-RTT) may be a request, and only a greeting in a single record can be told from that.
 */
function saysNothingTwice({ pieces }: FirstBytes): boolean {
  const said = Buffer.concat(pieces);
  if (said.length === 0) return true;
  return (
    said.length > RECORD_HEADER_BYTES &&
    said[0] === HANDSHAKE_RECORD &&
    said[1] === TLS_MAJOR &&
    said[RECORD_HEADER_BYTES] === CLIENT_HELLO &&
    said.length <= RECORD_HEADER_BYTES + said.readUInt16BE(3)
  );
}

/** The request of an application that was told "connected", and has said something since. */
function answeredRequest({ request, firstBytes }: Asked): ConnectRequest {
  const { destination, user, socket } = request;
  return {
    destination,
    ...(user === undefined ? {} : { user }),
    socket,
    get earlyData() {
      return firstBytes.pieces;
    },
    succeed() {},
    fail: () => socket.destroy('reset'),
    onAbandoned: (callback) => firstBytes.hold(callback),
  };
}

function errorName(error: unknown): ErrorName {
  return error instanceof TributaryError ? error.code : 'internalError';
}
