import type pino from 'pino';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { LineLimit, type LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { ClientSocket } from '../front/client-socket.ts';
import { closeAtOnce } from '../front/closing.ts';
import type { BindRequest, ConnectRequest } from '../front/connect-request.ts';
import { type Authenticate, createAuthenticator, type SocksUser } from '../front/credentials.ts';
import { LoginPace } from '../front/login-pace.ts';
import { NegotiatingPlaces } from '../front/negotiating-places.ts';
import { SocksConnection, type SocksFailure } from './socks-connection.ts';

export interface Socks5ServerOptions {
  /** Who may use the proxy; empty: everybody, without credentials. */
  readonly users: readonly SocksUser[];
  /** From accepting a connection to its request. Default 10 s: applications negotiate within milliseconds. */
  readonly negotiationTimeoutMs?: number;
  /**
   * Connections at a time, negotiating or in use. Default 4096: a household of browsers uses hundreds. Those that still
   * negotiate give way to newer ones (see `NegotiatingPlaces`).
   */
  readonly maxConnections?: number;
  readonly clock: MonotonicClock;
  readonly logger: pino.Logger;
  readonly onRequest: (request: ConnectRequest) => void;
  readonly onBind: (request: BindRequest) => void;
}

/** What has happened so far, for metrics; `active` is a gauge, the others only grow. */
export interface Socks5Counters {
  readonly accepted: number;
  /** Open now, negotiating or in use. */
  readonly active: number;
  /** Closed unserved: `maxConnections` were in use, or the server was draining. */
  readonly refused: number;
  readonly failedNegotiation: Readonly<Record<SocksFailure, number>>;
}

/**
 * A SOCKS5 server (RFC 1928) for CONNECT and BIND, without authentication or with user name and password (RFC 1929).
 * It listens nowhere itself: accepted connections are given to `handle`.
 */
export class Socks5Server {
  readonly #options: Socks5ServerOptions;
  readonly #authenticate: Authenticate | undefined;
  readonly #logins: LoginPace;
  readonly #connections = new Set<ClientSocket>();
  /** Those that have made no request yet. */
  readonly #negotiating: NegotiatingPlaces<SocksConnection>;
  readonly #log: LineLog;
  readonly #counters = {
    accepted: 0,
    refused: 0,
    failedNegotiation: {
      socks4: 0,
      http: 0,
      badVersion: 0,
      noAcceptableMethod: 0,
      badCredentials: 0,
      unsupportedCommand: 0,
      unsupportedAddressType: 0,
      badDestination: 0,
      timeout: 0,
      clientClosed: 0,
      tooManyLogins: 0,
      gaveWay: 0,
    } satisfies Record<SocksFailure, number>,
  };
  #draining = false;
  #saidFull = false;
  #waitingForIdle: (() => void)[] = [];

  /** @throws MisuseError for a user name or password that is not 1 to 255 bytes. */
  constructor(options: Socks5ServerOptions) {
    this.#options = options;
    this.#authenticate = options.users.length > 0 ? createAuthenticator(options.users) : undefined;
    const { clock } = options;
    this.#logins = new LoginPace(clock);
    this.#negotiating = new NegotiatingPlaces(this.#limit);
    this.#log = new LineLimit(clock).over(options.logger);
  }

  /** A copy of the counters as they are now. */
  get counters(): Socks5Counters {
    const { failedNegotiation, ...totals } = this.#counters;
    return { ...totals, active: this.#connections.size, failedNegotiation: { ...failedNegotiation } };
  }

  /** Serves a connection that was just accepted. */
  handle(accepted: AppSocket): void {
    if (this.#draining || this.#isFull()) {
      this.refuse(accepted);
      return;
    }
    this.#counters.accepted += 1;
    const socket: ClientSocket = new ClientSocket(accepted, () => this.#gone(socket, connection));
    const connection: SocksConnection = new SocksConnection(socket, {
      authenticate: this.#authenticate,
      logins: this.#logins,
      negotiationTimeoutMs: this.#options.negotiationTimeoutMs ?? DEFAULT_NEGOTIATION_TIMEOUT_MS,
      onRequest: this.#options.onRequest,
      onBind: this.#options.onBind,
      onNegotiated: () => this.#negotiating.leave(connection),
      onFailure: (reason, detail) => this.#failed(nameOf(accepted), reason, detail),
    });
    this.#connections.add(socket);
    this.#negotiating.enter(connection, () => accepted.remoteAddress)?.giveWay();
  }

  /** Closes a connection that was just accepted and cannot be served. */
  refuse(accepted: AppSocket): void {
    this.#counters.refused += 1;
    closeAtOnce(accepted);
  }

  /** Refuses new connections; resolves when those that are open have ended by themselves. */
  drain(): Promise<void> {
    this.#draining = true;
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForIdle.push(resolve));
  }

  /**
   * Refuses new connections and resets all that are open, in whatever state: a client must not take a transfer that
   * is cut off for a complete one. Resolves when they are gone.
   */
  close(): Promise<void> {
    const idle = this.drain();
    for (const socket of this.#connections) socket.destroy('reset');
    return idle;
  }

  get #limit(): number {
    return this.#options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  }

  #isFull(): boolean {
    const limit = this.#limit;
    if (this.#connections.size < limit) {
      this.#saidFull = false;
      return false;
    }
    // Who connects and says nothing must not keep others out.
    const { oldest } = this.#negotiating;
    if (oldest !== undefined) {
      this.#negotiating.leave(oldest);
      oldest.giveWay();
      return false;
    }
    // Once for each time the limit is reached, not for each connection turned away.
    if (!this.#saidFull) {
      this.#options.logger.warn(
        { maxConnections: limit },
        `SOCKS5: ${limit} connections are open; new ones are refused (raise socks.maxConnections if this is normal use)`,
      );
    }
    this.#saidFull = true;
    return true;
  }

  #gone(socket: ClientSocket, connection: SocksConnection): void {
    this.#connections.delete(socket);
    this.#negotiating.leave(connection);
    if (this.#connections.size > 0) return;
    const waiting = this.#waitingForIdle;
    this.#waitingForIdle = [];
    for (const resolve of waiting) resolve();
  }

  #failed(client: string, reason: SocksFailure, detail: string): void {
    this.#counters.failedNegotiation[reason] += 1;
    this.#log[LEVELS[reason] ?? 'info']({ client, reason, detail }, MESSAGES[reason] ?? 'SOCKS5: no request');
  }
}

/** At which level a failure is logged, if not `info`. */
const LEVELS: Partial<Record<SocksFailure, 'debug' | 'warn'>> = {
  // What port checks and impatient users do all day.
  clientClosed: 'debug',
  badCredentials: 'warn',
  tooManyLogins: 'warn',
};

/** For the log; a connection that is gone has no address any more. */
function nameOf({ remoteAddress: host, remotePort: port }: AppSocket): string {
  return host === '' ? 'a client that has gone' : formatDestination({ host, port });
}

/** Kinds of lines, each with its own limit: what others do must not hide who guesses. */
const MESSAGES: Partial<Record<SocksFailure, string>> = {
  badCredentials: 'SOCKS5: wrong user name or password',
  tooManyLogins: 'SOCKS5: a login was not checked, since too many wait after wrong ones',
  gaveWay: 'SOCKS5: a connection without a request gave way to a newer one',
};

const DEFAULT_NEGOTIATION_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_CONNECTIONS = 4096;
