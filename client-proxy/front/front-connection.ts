import type { Destination } from '../../shared/protocol/destination.ts';
import { MisuseError } from '../../shared/protocol/errors.ts';
import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { LoginPace } from '../../shared/runtime/admission/login-pace.ts';
import type { AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import type { ClientSocket } from './client-socket.ts';
import { closeAtOnce, closeGracefully, IGNORE_EVENTS } from './closing.ts';
import type { AssociateRequest, BindRequest, ConnectRequest } from './connect-request.ts';
import type { Authenticate } from './credentials.ts';
import { answerToForeign, describeForeign } from './foreign-protocol.ts';
import type {
  AskedConnection,
  FrontClient,
  FrontFailure,
  FrontProtocol,
  LoginResult,
  RequestKind,
} from './front-protocol.ts';
import { PendingRequest } from './pending-request.ts';

interface FrontConnectionOptions {
  /** The first that starts with the client's first byte speaks to it. */
  readonly protocols: readonly FrontProtocol[];
  /** Absent: no credentials are asked for. */
  readonly authenticate: Authenticate | undefined;
  /** When logins are checked. */
  readonly logins: LoginPace;
  /** For the whole negotiation, however the client's bytes trickle in. */
  readonly negotiationTimeoutMs: number;
  readonly onRequest: (request: ConnectRequest) => void;
  readonly onBind: (request: BindRequest) => void;
  readonly onAssociate: (request: AssociateRequest) => void;
  readonly onCounted: (kind: RequestKind) => void;
  /** The negotiation has led to a request, which comes next. */
  readonly onNegotiated: () => void;
  /** @param protocol its name, or undefined if the client has not spoken any */
  readonly onFailure: (reason: FrontFailure, detail: string, protocol: string | undefined) => void;
}

/**
 * Leads one client through the negotiation of the protocol that its first byte names, to a `ConnectRequest` or to the end of
 * its connection; or lets the protocol serve it.
 */
export class FrontConnection implements FrontClient {
  readonly socket: ClientSocket;
  readonly #options: FrontConnectionOptions;
  readonly #timeLimit: NodeJS.Timeout;
  #protocol: FrontProtocol | undefined;
  #speaker: AppSocketHandlers = IGNORE_EVENTS;
  #loginDelay: NodeJS.Timeout | undefined;
  #state: State = 'negotiating';
  /** Once there is a request. */
  #pending: PendingRequest | undefined;

  /** Starts at once. */
  constructor(socket: ClientSocket, options: FrontConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    this.#timeLimit = setTimeout(() => this.#timeOut(), options.negotiationTimeoutMs);
    socket.setHandlers({
      onChunk: (chunk) => this.#receive(chunk),
      onEnd: () => this.#end(),
      onDrain: () => this.#speaker.onDrain(),
      onClose: (error) => this.#lost(error),
    });
    socket.resume();
  }

  get asksForLogin(): boolean {
    return this.#options.authenticate !== undefined;
  }

  /** Ends a connection that has made no request yet, for another one. */
  giveWay(): void {
    if (this.#state === 'negotiating') this.fail('gaveWay', 'a newer connection took its place');
    else this.socket.destroy('close');
  }

  login(name: Uint8Array, password: Uint8Array, onChecked: (result: LoginResult) => void): void {
    const waitMs = this.#options.logins.reserve(this.socket.remoteAddress);
    if (waitMs === undefined) onChecked('tooMany');
    else if (waitMs === 0) onChecked(this.#check(name, password));
    else this.#loginDelay = setTimeout(() => onChecked(this.#check(name, password)), waitMs);
  }

  ask(asked: AskedConnection): void {
    const { destination, lookup, user, earlyData, kind } = asked;
    if (this.#state === 'negotiating') this.#options.onNegotiated();
    this.#enter('requested');
    clearTimeout(this.#timeLimit);
    this.count(kind);
    const pending = new PendingRequest(destination);
    this.#pending = pending;
    this.socket.watch(() => {
      // With bytes to deliver, FIN is a half-close: the origin's answer is still wanted.
      if (earlyData.length > 0) return;
      this.#enter('abandoned');
      closeGracefully(this.socket, asked.failure('cancelled'));
      pending.abandon();
    });
    const request: ConnectRequest = {
      destination,
      lookup,
      ...(user === undefined ? {} : { user }),
      earlyData: earlyData.length === 0 ? [] : [earlyData],
      socket: this.socket,
      succeed: (bound) => {
        if (!pending.takeAnswer()) return;
        this.#enter('handedOver');
        this.socket.unwatch();
        this.socket.write([asked.success(bound)]);
      },
      fail: (error) => {
        if (!pending.takeAnswer()) return;
        this.#enter('closing');
        closeGracefully(this.socket, asked.failure(error));
      },
      onAbandoned: (callback) => pending.onAbandoned(callback),
    };
    const { onRequest, onBind, onAssociate } = this.#options;
    const announce = (place: Destination) => void this.socket.write([asked.success(place)]);
    if (asked.command === 'bind') onBind({ ...request, announce });
    else if (asked.command === 'associate') onAssociate(request);
    else onRequest(request);
  }

  serve(): void {
    if (this.#state === 'serving') return;
    this.#enter('serving');
    clearTimeout(this.#timeLimit);
    this.#options.onNegotiated();
  }

  count(kind: RequestKind): void {
    this.#options.onCounted(kind);
  }

  fail(reason: FrontFailure, detail: string, farewell?: Uint8Array): void {
    this.failed(reason, detail);
    if (farewell) closeGracefully(this.socket, farewell);
    else closeAtOnce(this.socket);
    // It hears nothing of the socket any more.
    this.#speaker.onClose();
  }

  failed(reason: FrontFailure, detail: string): void {
    this.#enter('closing');
    clearTimeout(this.#timeLimit);
    clearTimeout(this.#loginDelay);
    this.#options.onFailure(reason, detail, this.#protocol?.name);
  }

  #receive(chunk: OutgoingChunk): void {
    if (this.#protocol === undefined) {
      const firstByte = chunk.bytes[0]!;
      this.#protocol = this.#options.protocols.find((protocol) => protocol.startsWith(firstByte));
      if (this.#protocol === undefined) {
        chunk.release();
        this.fail('badVersion', describeForeign(firstByte), answerToForeign(firstByte));
        return;
      }
      this.#speaker = this.#protocol.begin(this);
    }
    this.#speaker.onChunk(chunk);
  }

  #end(): void {
    if (this.#protocol !== undefined) this.#speaker.onEnd();
    else this.fail('clientClosed', 'the client finished sending and had said nothing', new Uint8Array(0));
  }

  #check(name: Uint8Array, password: Uint8Array): LoginResult {
    const { authenticate, logins } = this.#options;
    const user = authenticate?.(name, password);
    if (user === undefined) return 'wrong';
    logins.onRight(this.socket.remoteAddress);
    return { user };
  }

  #timeOut(): void {
    const seconds = this.#options.negotiationTimeoutMs / 1000;
    this.fail('timeout', `the client made no request within ${seconds} s`);
  }

  /** Only while the handlers are still ours: neither handed over with new ones, nor closing gracefully. */
  #lost(error: NodeJS.ErrnoException | undefined): void {
    clearTimeout(this.#loginDelay);
    switch (this.#state) {
      case 'negotiating':
        this.failed('clientClosed', `the connection was lost${error ? ` (${error.code})` : ''}`);
        break;
      case 'requested':
        this.#enter('abandoned');
        this.#pending?.abandon();
        return;
      case 'serving':
      case 'closing':
        break;
      case 'handedOver':
      case 'abandoned':
        return;
    }
    this.#speaker.onClose(error);
  }

  #enter(next: State): void {
    if (!TRANSITIONS[this.#state].includes(next)) {
      throw new MisuseError(`Connection of an application: no way from "${this.#state}" to "${next}".`);
    }
    this.#state = next;
  }
}

type State = 'negotiating' | 'serving' | 'requested' | 'handedOver' | 'abandoned' | 'closing';

const TRANSITIONS: Readonly<Record<State, readonly State[]>> = {
  negotiating: ['serving', 'requested', 'closing'],
  serving: ['requested', 'closing'],
  requested: ['handedOver', 'abandoned', 'closing'],
  handedOver: [],
  abandoned: [],
  closing: [],
};
