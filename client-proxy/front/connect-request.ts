import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';

/** What a client may want to know of a host; `ipv4`: an address, where the reply has no room for another. */
export type Lookup = 'address' | 'ipv4' | 'name';

/**
 * A CONNECT that a client asked for and that waits for its answer: exactly one call of `succeed` or `fail`, within
 * a time that the receiver bounds.
 */
export interface ConnectRequest {
  /** With port 0 where there is a `lookup`. */
  readonly destination: Destination;
  /** No connection is wanted but an answer: an address of the host, or the name of an address. `succeed` is given it. */
  readonly lookup?: Lookup | undefined;
  /** The authenticated user; absent where no users are configured. */
  readonly user?: string;
  /** The name that a destination which is an address was heard to be asked for by; for the rules alone. As rules have names. */
  readonly name?: string;
  /** The application takes itself for connected already, so nothing is lost by answering at once. */
  readonly isConnected?: true;
  /** Bytes the client sent right behind the request, to go to the origin first; at most one read's worth. */
  readonly earlyData: readonly Uint8Array[];
  /** The client's connection; the receiver's to use once `succeed` has been called. */
  readonly socket: AppSocket;
  /**
   * Answers success, at once (optimistic) or when the origin is connected, and hands `socket` over: the caller then
   * sets its handlers and resumes it. Nothing that happened meanwhile is lost: the handlers get it.
   * `bound` is the address the origin sees, where known (RFC 1928 section 6, BND.ADDR), or the answer to a `lookup`.
   *
   * @throws MisuseError when the request is answered already.
   */
  succeed(bound?: Destination): void;
  /**
   * Answers with what the client's protocol has for `error` and closes.
   *
   * @throws MisuseError when the request is answered already.
   */
  fail(error: ErrorName): void;
  /**
   * The origin could not be reached after all, though success was answered at once: told before `socket` is reset, to whoever
   * can still say why.
   */
  onFailedLate?(error: ErrorName): void;
  /**
   * `callback` runs, once, if the client leaves before it is answered: it closed or broke the connection, or
   * finished sending without having sent anything. An answer after that does nothing. A later callback replaces
   * an earlier one.
   */
  onAbandoned(callback: () => void): void;
}

/**
 * A BIND of SOCKS5: one connection is expected from `destination`, whose port means nothing; an unspecified address (`0.0.0.0`,
 * `::`) stands for anybody. `succeed` tells who it came from.
 */
export interface BindRequest extends ConnectRequest {
  /** Answers, before all else, where it is waited for. */
  announce(place: Destination): void;
}

/**
 * A UDP ASSOCIATE of SOCKS5: datagrams are to be relayed for as long as `socket` is open. `destination` is where the client expects
 * to send from, as far as it knows; `succeed` tells where to.
 */
export type AssociateRequest = ConnectRequest;
