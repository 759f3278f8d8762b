import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, MisuseError } from '../../shared/protocol/errors.ts';
import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { ClientSocket } from '../front/client-socket.ts';
import { closeAtOnce, closeGracefully } from '../front/closing.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import type { Authenticate } from '../front/credentials.ts';
import type { LoginPace } from '../front/login-pace.ts';
import { Negotiation, type NegotiationAction, type NegotiationFailure } from './negotiation.ts';
import { encodeErrorReply, encodeSuccessReply } from './replies.ts';

/** Why a connection ended before it made a request. */
export type SocksFailure =
  | NegotiationFailure
  | 'timeout'
  | 'clientClosed'
  /** Too many logins from the same address wait after wrong ones: this one was not checked. */
  | 'tooManyLogins'
  /** It gave way to a newer connection. */
  | 'gaveWay';

interface SocksConnectionOptions {
  /** Absent: no credentials are asked for. */
  readonly authenticate: Authenticate | undefined;
  /** When logins are checked. */
  readonly logins: LoginPace;
  /** For the whole negotiation, however the client's bytes trickle in. */
  readonly negotiationTimeoutMs: number;
  readonly onRequest: (request: ConnectRequest) => void;
  /** The negotiation has led to a request, which comes next. */
  readonly onNegotiated: () => void;
  readonly onFailure: (reason: SocksFailure, detail: string) => void;
}

/**
 * Leads one client through the SOCKS5 negotiation to a `ConnectRequest` or to the end of its connection.
 * How many bytes a client may send is bounded by the format: three messages of at most 257, 513 and 262 bytes.
 */
export class SocksConnection {
  readonly #socket: ClientSocket;
  readonly #options: SocksConnectionOptions;
  readonly #negotiation: Negotiation;
  readonly #timeLimit: NodeJS.Timeout;
  #loginDelay: NodeJS.Timeout | undefined;
  #state: State = 'negotiating';
  #onAbandoned: (() => void) | undefined;

  /** Starts at once. */
  constructor(socket: ClientSocket, options: SocksConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#negotiation = new Negotiation(options.authenticate !== undefined);
    this.#timeLimit = setTimeout(() => this.#timeOut(), options.negotiationTimeoutMs);
    socket.setHandlers({
      onChunk: (chunk) => this.#receive(chunk),
      onEnd: () =>
        this.#endNegotiation(
          'clientClosed',
          'the client finished sending before its request',
          new Uint8Array(0),
        ),
      onDrain: () => {},
      onClose: (error) => this.#lost(error),
    });
    socket.resume();
  }

  /** Ends a connection that has made no request yet, for another one. */
  giveWay(): void {
    if (this.#state === 'negotiating') this.#endNegotiation('gaveWay', 'a newer connection took its place');
    else this.#socket.destroy('close');
  }

  #receive(chunk: OutgoingChunk): void {
    const actions = this.#negotiation.receive(chunk.bytes);
    chunk.release();
    this.#performAll(actions);
  }

  #performAll(actions: readonly NegotiationAction[]): void {
    for (const action of actions) this.#perform(action);
  }

  #perform(action: NegotiationAction): void {
    switch (action.kind) {
      case 'send':
        // The answers to one negotiation are a few bytes: no need to look at back-pressure.
        this.#socket.write([action.bytes]);
        return;
      case 'login':
        this.#pace(action.name, action.password);
        return;
      case 'failure':
        this.#endNegotiation(action.reason, action.detail, action.farewell);
        return;
      case 'request':
        this.#ask(action);
    }
  }

  /** Checks a login, after wrong ones from the same address only when its turn has come. */
  #pace(name: Uint8Array, password: Uint8Array): void {
    const waitMs = this.#options.logins.reserve(this.#socket.remoteAddress);
    if (waitMs === undefined) {
      // Without an answer, since its password may be right.
      this.#endNegotiation('tooManyLogins', 'too many logins wait after wrong ones from this address');
    } else if (waitMs === 0) {
      this.#check(name, password);
    } else {
      this.#socket.pause();
      this.#loginDelay = setTimeout(() => {
        // A request pauses it again.
        this.#socket.resume();
        this.#check(name, password);
      }, waitMs);
    }
  }

  #check(name: Uint8Array, password: Uint8Array): void {
    const { authenticate, logins } = this.#options;
    const user = authenticate?.(name, password);
    if (user !== undefined) logins.onRight(this.#socket.remoteAddress);
    this.#performAll(this.#negotiation.answerLogin(user));
  }

  #ask({ destination, lookup, user, earlyData }: Extract<NegotiationAction, { kind: 'request' }>): void {
    this.#enter('requested');
    clearTimeout(this.#timeLimit);
    this.#options.onNegotiated();
    this.#socket.watch(() => {
      // With bytes to deliver, FIN is a half-close: the origin's answer is still wanted.
      if (earlyData.length > 0) return;
      this.#enter('abandoned');
      closeGracefully(this.#socket, encodeErrorReply('cancelled'));
      this.#abandon();
    });
    this.#options.onRequest({
      destination,
      lookup,
      ...(user === undefined ? {} : { user }),
      earlyData: earlyData.length === 0 ? [] : [earlyData],
      socket: this.#socket,
      succeed: (bound) => {
        if (!this.#mayAnswer(destination)) return;
        this.#enter('handedOver');
        this.#socket.unwatch();
        this.#socket.write([encodeSuccessReply(bound)]);
      },
      fail: (error) => {
        if (this.#mayAnswer(destination)) this.#refuse(error);
      },
      onAbandoned: (callback) => {
        this.#onAbandoned = callback;
        if (this.#state === 'abandoned') this.#abandon();
      },
    });
  }

  /** False when the client has left: then an answer comes too late, through no fault of the caller. */
  #mayAnswer(destination: Destination): boolean {
    if (this.#state === 'abandoned') return false;
    if (this.#state !== 'requested') {
      throw new MisuseError(`The request for ${formatDestination(destination)} was answered twice.`);
    }
    return true;
  }

  #refuse(error: ErrorName): void {
    this.#enter('closing');
    closeGracefully(this.#socket, encodeErrorReply(error));
  }

  #abandon(): void {
    const callback = this.#onAbandoned;
    this.#onAbandoned = undefined;
    callback?.();
  }

  #timeOut(): void {
    const seconds = this.#options.negotiationTimeoutMs / 1000;
    this.#endNegotiation('timeout', `the client made no request within ${seconds} s`);
  }

  #endNegotiation(reason: SocksFailure, detail: string, farewell?: Uint8Array): void {
    this.#enter('closing');
    clearTimeout(this.#timeLimit);
    clearTimeout(this.#loginDelay);
    this.#options.onFailure(reason, detail);
    if (farewell) closeGracefully(this.#socket, farewell);
    else closeAtOnce(this.#socket);
  }

  /** Only while the handlers are still ours: neither handed over with new ones, nor closing gracefully. */
  #lost(error: NodeJS.ErrnoException | undefined): void {
    switch (this.#state) {
      case 'negotiating':
        this.#endNegotiation('clientClosed', `the connection was lost${error ? ` (${error.code})` : ''}`);
        return;
      case 'requested':
        this.#enter('abandoned');
        this.#abandon();
        return;
      case 'handedOver':
      case 'closing':
      case 'abandoned':
        return;
    }
  }

  #enter(next: State): void {
    if (!TRANSITIONS[this.#state].includes(next)) {
      throw new MisuseError(`SOCKS5 connection: no way from "${this.#state}" to "${next}".`);
    }
    this.#state = next;
  }
}

type State = 'negotiating' | 'requested' | 'handedOver' | 'abandoned' | 'closing';

const TRANSITIONS: Readonly<Record<State, readonly State[]>> = {
  negotiating: ['requested', 'closing'],
  requested: ['handedOver', 'abandoned', 'closing'],
  handedOver: [],
  abandoned: [],
  closing: [],
};
