import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { LineLimit, type LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { ClientSocket } from '../front/client-socket.ts';
import { IGNORE_EVENTS } from '../front/closing.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { OpenConnections } from '../front/open-connections.ts';
import { type Loop, type LoopSource, loopOf } from './loops.ts';
import { type NameResult, TransparentConnection } from './transparent-connection.ts';

export interface TransparentServerOptions extends LoopSource {
  /** Whether names are read from what applications say first. */
  readonly sniff: boolean;
  /** Connections at a time. */
  readonly maxConnections: number;
  /** Whether the name behind a destination matters. */
  wantsName(subject: { readonly destination: Destination }): boolean;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  onRequest(request: ConnectRequest): void;
}

/** What has happened so far, for metrics; `active` is a gauge, the others only grow. */
export interface TransparentCounters {
  readonly active: number;
  readonly accepted: number;
  /** Reset unserved: `maxConnections` were open, the server was draining, or the connection had gone already. */
  readonly refused: number;
  /** Reset, since they would lead back here. */
  readonly loop: number;
  /** Connections that were listened to for a name, by result. */
  readonly names: Readonly<Record<NameResult, number>>;
}

/**
 * Serves connections that the packet filter has led here, whose applications know of no proxy: each becomes a request for
 * where it was meant to go. It listens nowhere itself: accepted connections are given to `handle`. One that cannot be
 * served is reset, which is the nearest to a refusal that is left, since the kernel has accepted it already.
 */
export class TransparentServer {
  readonly #options: TransparentServerOptions;
  readonly #open: OpenConnections<ClientSocket>;
  readonly #log: LineLog;
  readonly #counters = {
    accepted: 0,
    refused: 0,
    loop: 0,
    names: { tls: 0, http: 0, none: 0, silent: 0 } satisfies Record<NameResult, number>,
  };

  constructor(options: TransparentServerOptions) {
    const { maxConnections, logger, clock } = options;
    this.#options = options;
    this.#log = new LineLimit(clock).over(logger);
    this.#open = new OpenConnections(maxConnections, (limit) => {
      logger.warn(
        { maxConnections: limit },
        `transparent: ${limit} connections are open; new ones are refused (raise transparent.maxConnections if this is normal use)`,
      );
    });
  }

  /** A copy of the counters as they are now. */
  get counters(): TransparentCounters {
    const { names, ...totals } = this.#counters;
    return { ...totals, active: this.#open.size, names: { ...names } };
  }

  /** Serves a connection that was just accepted. */
  handle(accepted: AppSocket): void {
    if (!this.#open.hasPlace()) {
      this.refuse(accepted);
      return;
    }
    const destination = accepted.originalDestination?.();
    if (destination === undefined) {
      this.refuse(accepted);
      return;
    }
    const from = { host: accepted.remoteAddress, port: accepted.remotePort };
    const loop = loopOf(destination, from, this.#options);
    if (loop === undefined) this.#serve(accepted, destination);
    else this.#refuseLoop(accepted, { from, destination }, loop);
  }

  /** Resets a connection that was just accepted and cannot be served. */
  refuse(accepted: AppSocket): void {
    this.#counters.refused += 1;
    reset(accepted);
  }

  /** Refuses new connections; resolves when those that are open have ended by themselves. */
  drain(): Promise<void> {
    return this.#open.drain();
  }

  /** Refuses new connections and resets all that are open. Resolves when they are gone. */
  close(): Promise<void> {
    return this.#open.close();
  }

  #serve(accepted: AppSocket, destination: Destination): void {
    const { sniff, wantsName, onRequest } = this.#options;
    this.#counters.accepted += 1;
    const socket: ClientSocket = new ClientSocket(accepted, () => this.#open.remove(socket));
    this.#open.add(socket);
    new TransparentConnection(socket, {
      destination,
      wantsName: sniff && !SERVER_FIRST_PORTS.has(destination.port) && wantsName({ destination }),
      onName: (result) => void this.#counters.names[result]++,
      onRequest,
    });
  }

  #refuseLoop(
    accepted: AppSocket,
    { from, destination }: { readonly from: Destination; readonly destination: Destination },
    loop: Loop,
  ): void {
    this.#counters.loop += 1;
    const ends = { client: formatDestination(from), destination: formatDestination(destination) };
    this.#log.warn(ends, LOOP_MESSAGES[loop]);
    reset(accepted);
  }
}

/** There the server speaks first, so no name comes, and waiting for one would only delay: FTP, SSH, mail, news, MySQL, Sieve, VNC. */
const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([21, 22, 25, 110, 119, 143, 587, 3306, 4190, 5900]);

/** Kinds of lines, each with its own limit. */
const LOOP_MESSAGES: Readonly<Record<Loop, string>> = {
  listener:
    'transparent: a connection was made to the listener itself and not redirected to it: refused (applications that know of a proxy use socks.listen)',
  concentrator:
    'transparent: a connection of this machine to the concentrator was redirected: refused (redirect no connections of the ' +
    "client's own user; see tributary-client transparent)",
  own:
    "transparent: the client's own connection over an uplink was redirected: refused (redirect no connections of the client's " +
    'own user; see tributary-client transparent)',
};

function reset(socket: AppSocket): void {
  socket.setHandlers(IGNORE_EVENTS);
  socket.destroy('reset');
}
