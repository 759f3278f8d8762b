import type pino from 'pino';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { LoginPace } from '../../shared/runtime/admission/login-pace.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { LineLimit, type LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { ClientSocket } from './client-socket.ts';
import { closeAtOnce } from './closing.ts';
import type { AssociateRequest, BindRequest, ConnectRequest } from './connect-request.ts';
import { type Authenticate, createAuthenticator, type SocksUser } from './credentials.ts';
import { FrontConnection } from './front-connection.ts';
import {
  FRONT_FAILURES,
  type FrontFailure,
  type FrontProtocol,
  REQUEST_KINDS,
  type RequestKind,
} from './front-protocol.ts';
import { NegotiatingPlaces } from './negotiating-places.ts';
import { OpenConnections } from './open-connections.ts';

export interface FrontDoorOptions {
  /** What applications may speak; the first byte of a connection decides. */
  readonly protocols: readonly FrontProtocol[];
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
  readonly onAssociate: (request: AssociateRequest) => void;
}

/** What has happened so far, for metrics; `active` is a gauge, the others only grow. */
export interface FrontCounters {
  readonly accepted: number;
  /** Open now, negotiating or in use. */
  readonly active: number;
  /** Closed unserved: `maxConnections` were in use, or the server was draining. */
  readonly refused: number;
  readonly failedNegotiation: Readonly<Record<FrontFailure, number>>;
  readonly requests: Readonly<Record<RequestKind, number>>;
}

/**
 * The one door for applications, whatever protocol they speak: it bounds their connections, has each negotiate, and counts.
 * It listens nowhere itself: accepted connections are given to `handle`.
 */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #authenticate: Authenticate | undefined;
  readonly #logins: LoginPace;
  readonly #connections: OpenConnections<ClientSocket>;
  /** Those that have made no request yet. */
  readonly #negotiating: NegotiatingPlaces<FrontConnection>;
  readonly #log: LineLog;
  readonly #counters = {
    accepted: 0,
    refused: 0,
    failedNegotiation: zeros(FRONT_FAILURES),
    requests: zeros(REQUEST_KINDS),
  };

  /** @throws MisuseError for a user name or password that is not 1 to 255 bytes. */
  constructor(options: FrontDoorOptions) {
    this.#options = options;
    this.#authenticate = options.users.length > 0 ? createAuthenticator(options.users) : undefined;
    const { clock, logger, maxConnections: limit = DEFAULT_MAX_CONNECTIONS } = options;
    this.#logins = new LoginPace(clock);
    this.#connections = new OpenConnections(limit, (maxConnections) =>
      logger.warn(
        { maxConnections },
        `${maxConnections} connections of applications are open; new ones are refused (raise socks.maxConnections if this is normal use)`,
      ),
    );
    this.#negotiating = new NegotiatingPlaces(limit);
    this.#log = new LineLimit(clock).over(logger);
  }

  /** A copy of the counters as they are now. */
  get counters(): FrontCounters {
    const { failedNegotiation, requests, ...totals } = this.#counters;
    return {
      ...totals,
      active: this.#connections.size,
      failedNegotiation: { ...failedNegotiation },
      requests: { ...requests },
    };
  }

  /** Serves a connection that was just accepted. */
  handle(accepted: AppSocket): void {
    if (!this.#connections.hasPlace(() => this.#makePlace())) {
      this.refuse(accepted);
      return;
    }
    this.#counters.accepted += 1;
    const socket: ClientSocket = new ClientSocket(accepted, () => {
      this.#negotiating.leave(connection);
      this.#connections.remove(socket);
    });
    const connection: FrontConnection = new FrontConnection(socket, {
      protocols: this.#options.protocols,
      authenticate: this.#authenticate,
      logins: this.#logins,
      negotiationTimeoutMs: this.#options.negotiationTimeoutMs ?? DEFAULT_NEGOTIATION_TIMEOUT_MS,
      onRequest: this.#options.onRequest,
      onCounted: (kind) => void this.#counters.requests[kind]++,
      onBind: this.#options.onBind,
      onAssociate: this.#options.onAssociate,
      onNegotiated: () => this.#negotiating.leave(connection),
      onFailure: (reason, detail, protocol) => this.#failed(nameOf(accepted), reason, detail, protocol),
    });
    this.#connections.add(socket);
    this.#negotiating.enter(connection, () => accepted.remoteAddress)?.giveWay();
  }

  /** Closes a connection that was just accepted and cannot be served. */
  refuse(accepted: AppSocket): void {
    this.#counters.refused += 1;
    closeAtOnce(accepted);
  }

  /** Requests may be treated otherwise from now on. */
  judgeAnew(): void {
    for (const protocol of this.#options.protocols) protocol.judgeAnew?.();
  }

  /** Refuses new connections; resolves when those that are open have ended by themselves. */
  drain(): Promise<void> {
    for (const protocol of this.#options.protocols) protocol.drain?.();
    return this.#connections.drain();
  }

  /**
   * Refuses new connections and resets all that are open, in whatever state: a client must not take a transfer that
   * is cut off for a complete one. Resolves when they are gone.
   */
  close(): Promise<void> {
    void this.drain();
    return this.#connections.close();
  }

  /** Who connects and says nothing must not keep others out. */
  #makePlace(): boolean {
    const { oldest } = this.#negotiating;
    if (oldest === undefined) return false;
    this.#negotiating.leave(oldest);
    oldest.giveWay();
    return true;
  }

  #failed(client: string, reason: FrontFailure, detail: string, protocol: string | undefined): void {
    this.#counters.failedNegotiation[reason] += 1;
    const fields = { client, ...(protocol === undefined ? {} : { protocol }), reason, detail };
    this.#log[LEVELS[reason] ?? 'info'](fields, MESSAGES[reason] ?? 'an application has made no request');
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** At which level a failure is logged, if not `info`. */
const LEVELS: Partial<Record<FrontFailure, 'debug' | 'warn'>> = {
  // What port checks and impatient users do all day.
  clientClosed: 'debug',
  // How HTTP asks for credentials.
  noCredentials: 'debug',
  badCredentials: 'warn',
  tooManyLogins: 'warn',
};

/** For the log; a connection that is gone has no address any more. */
function nameOf({ remoteAddress: host, remotePort: port }: AppSocket): string {
  return host === '' ? 'a client that has gone' : formatDestination({ host, port });
}

/** Kinds of lines, each with its own limit: what others do must not hide who guesses. */
const MESSAGES: Partial<Record<FrontFailure, string>> = {
  badCredentials: 'an application has logged in with a wrong user name or password',
  tooManyLogins: 'a login of an application was not checked, since too many wait after wrong ones',
  gaveWay: 'a connection without a request gave way to a newer one',
};

const DEFAULT_NEGOTIATION_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_CONNECTIONS = 4096;
