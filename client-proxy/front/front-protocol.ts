import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { AppSocketHandlers } from '../../shared/runtime/app/app-socket.ts';
import type { ClientSocket } from './client-socket.ts';
import type { Lookup } from './connect-request.ts';

/** What requests are counted by: how an application has asked for a connection, or for a resource. */
export const REQUEST_KINDS = ['socks4', 'socks5', 'connect', 'http'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** Why a connection ended before it made a request. */
export const FRONT_FAILURES = [
  /** Neither SOCKS nor HTTP, or a version of either that does not exist. */
  'badVersion',
  /** HTTP that is not in order, or that a proxy cannot do. */
  'badRequest',
  'noAcceptableMethod',
  /** HTTP without credentials, where users are configured: the application is asked for them. */
  'noCredentials',
  'badCredentials',
  'unsupportedCommand',
  'unsupportedAddressType',
  'badDestination',
  'timeout',
  'clientClosed',
  /** Too many logins from the same address wait after wrong ones: this one was not checked. */
  'tooManyLogins',
  /** It gave way to a newer connection. */
  'gaveWay',
] as const;
export type FrontFailure = (typeof FRONT_FAILURES)[number];

/** What became of a login: whose it is, or that it is wrong, or that it was not checked. */
export type LoginResult = { readonly user: string } | 'wrong' | 'tooMany';

/** A connection to somewhere; one that is expected from there; or the way for datagrams to many. */
export type RequestCommand = 'connect' | 'bind' | 'associate';

/** A connection that an application has asked for, before it becomes a `ConnectRequest`. */
export interface AskedConnection {
  readonly kind: RequestKind;
  readonly destination: Destination;
  /** Absent: `connect`. */
  readonly command?: RequestCommand;
  /** No connection is wanted but an answer; see `ConnectRequest`. */
  readonly lookup?: Lookup | undefined;
  /** The authenticated user; undefined where no users are configured. */
  readonly user: string | undefined;
  /** Bytes that came behind the request; may be empty. */
  readonly earlyData: Uint8Array;
  /** The answer to a connection that is, or is promised to be, established. */
  success(bound?: Destination): Uint8Array;
  /** The answer that says why there is none; the connection closes behind it. */
  failure(error: ErrorName): Uint8Array;
}

/** One client, as the protocol that it speaks has it until there is a request. */
export interface FrontClient {
  readonly socket: ClientSocket;
  /** Whether users are configured, so that it has to log in. */
  readonly asksForLogin: boolean;
  /**
   * Has a login checked; after wrong ones from the same address, only when its turn has come. `onChecked` runs at once, or
   * later, or never if the client has gone.
   */
  login(name: Uint8Array, password: Uint8Array, onChecked: (result: LoginResult) => void): void;
  /** Asks for a connection. What the client sends from now on is no longer told to the protocol. */
  ask(asked: AskedConnection): void;
  /** The client has made a request that is served here: no time limit, and no newer connection, ends it any more. */
  serve(): void;
  /** Requests that are served here are counted by their kind. */
  count(kind: RequestKind): void;
  /**
   * Ends the connection without a request. The client is told `farewell` (which may be empty); without it the connection closes
   * at once.
   *
   * @param detail for the log; holds no credentials
   */
  fail(reason: FrontFailure, detail: string, farewell?: Uint8Array): void;
  /** The same, where the protocol itself tells the client and closes. It is still told what the client sends. */
  failed(reason: FrontFailure, detail: string): void;
}

/** A protocol that applications may speak at the port. */
export interface FrontProtocol {
  /** For the log. */
  readonly name: string;
  /** Whether a connection that starts with this byte speaks it. */
  startsWith(firstByte: number): boolean;
  /** Speaks it. @returns who is told what the client does, from its first byte to its request */
  begin(client: FrontClient): AppSocketHandlers;
  /** Clients that are served here are let go when they have their answers; further requests end their connections. */
  drain?(): void;
  /** Requests may be treated otherwise from now on; connections that serve several are for those before. */
  judgeAnew?(): void;
}
