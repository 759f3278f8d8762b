import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import type { Lookup } from './connect-request.ts';
import type {
  FrontClient,
  FrontFailure,
  LoginResult,
  RequestCommand,
  RequestKind,
} from './front-protocol.ts';

/** Why the bytes of a client led to no request. */
export type NegotiationFailure = Extract<
  FrontFailure,
  | 'badVersion'
  | 'noAcceptableMethod'
  | 'badCredentials'
  | 'unsupportedCommand'
  | 'unsupportedAddressType'
  | 'badDestination'
>;

/**
 * What to do after some bytes; `request` and `failure` are the last. After `login` nothing comes until it is answered. No action
 * at all: more bytes are needed.
 */
export type NegotiationAction =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** To be checked, and answered by `answerLogin`; copies. */
  | { readonly kind: 'login'; readonly name: Uint8Array; readonly password: Uint8Array }
  | {
      readonly kind: 'request';
      readonly command: RequestCommand;
      readonly destination: Destination;
      readonly lookup: Lookup | undefined;
      /** The authenticated user, where users are configured. */
      readonly user: string | undefined;
      /** Bytes that came after the request, often none; a copy. */
      readonly earlyData: Uint8Array;
    }
  | {
      readonly kind: 'failure';
      readonly reason: NegotiationFailure;
      /** For the log; holds no credentials. */
      readonly detail: string;
      /** What the client is told before the connection closes (empty: no more than before); undefined closes it at once. */
      readonly farewell: Uint8Array | undefined;
    };

/** The server's side of a protocol of a few short messages, without sockets. */
export interface MessageNegotiation {
  /** Takes what the client sent, in pieces of any size; the memory stays the caller's. Throws MisuseError when it is over. */
  receive(bytes: Uint8Array): NegotiationAction[];
  /** The answer to `login`: whose it is, or undefined if it is wrong. Throws MisuseError when none waits for an answer. */
  answerLogin(user: string | undefined): NegotiationAction[];
}

/** What such a protocol answers to its request. */
export interface MessageReplies {
  readonly kind: RequestKind;
  success(bound?: Destination): Uint8Array;
  failure(error: ErrorName): Uint8Array;
}

/**
 * Leads a client through a negotiation to its request. How many bytes it may send is bounded by the messages' format.
 */
export class MessageSpeaker implements AppSocketHandlers {
  readonly #client: FrontClient;
  readonly #negotiation: MessageNegotiation;
  readonly #replies: MessageReplies;

  constructor(client: FrontClient, negotiation: MessageNegotiation, replies: MessageReplies) {
    this.#client = client;
    this.#negotiation = negotiation;
    this.#replies = replies;
  }

  onChunk(chunk: OutgoingChunk): void {
    const actions = this.#negotiation.receive(chunk.bytes);
    chunk.release();
    this.#performAll(actions);
  }

  onEnd(): void {
    this.#client.fail('clientClosed', 'the client finished sending before its request', new Uint8Array(0));
  }

  onDrain(): void {
    // The answers to one negotiation are a few bytes: no need to look at back-pressure.
  }

  onClose(): void {
    // Nothing is kept that has to be given back.
  }

  #performAll(actions: readonly NegotiationAction[]): void {
    for (const action of actions) this.#perform(action);
  }

  #perform(action: NegotiationAction): void {
    switch (action.kind) {
      case 'send':
        this.#client.socket.write([action.bytes]);
        return;
      case 'login':
        this.#login(action.name, action.password);
        return;
      case 'failure':
        this.#client.fail(action.reason, action.detail, action.farewell);
        return;
      case 'request': {
        const { command, destination, lookup, user, earlyData } = action;
        const { kind } = this.#replies;
        this.#client.ask({
          kind,
          command,
          destination,
          lookup,
          user,
          earlyData,
          success: (bound) => this.#replies.success(bound),
          failure: (error) => this.#replies.failure(error),
        });
      }
    }
  }

  /** Nothing is read while a login waits for its turn. */
  #login(name: Uint8Array, password: Uint8Array): void {
    const { socket } = this.#client;
    let isWaiting: boolean | undefined;
    this.#client.login(name, password, (result) => {
      // A request pauses it again.
      if (isWaiting) socket.resume();
      isWaiting = false;
      this.#answerLogin(result);
    });
    if (isWaiting === false) return;
    isWaiting = true;
    socket.pause();
  }

  #answerLogin(result: LoginResult): void {
    if (result === 'tooMany') {
      // Without an answer, since its password may be right.
      this.#client.fail('tooManyLogins', 'too many logins wait after wrong ones from this address');
    } else {
      this.#performAll(this.#negotiation.answerLogin(result === 'wrong' ? undefined : result.user));
    }
  }
}
