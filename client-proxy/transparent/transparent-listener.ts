import { isIPv6 } from 'node:net';
import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { type AppSocketListener, acceptAppSockets } from '../../shared/runtime/app/app-socket-listener.ts';
import type { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import {
  type NativeLoad,
  NativeSocketError,
  type NativeSockets,
} from '../../shared/runtime/kernel/native.ts';
import { takeForeign } from '../../shared/runtime/kernel/original-destination.ts';
import type { ProcessWatch } from '../../shared/runtime/observe/process-watch.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { isConcentratorPlace } from './concentrator-places.ts';
import type { OwnConnections } from './own-connections.ts';
import { TransparentServer } from './transparent-server.ts';
import type { TransparentSettings } from './transparent-settings.ts';

export interface TransparentListenerOptions {
  readonly settings: TransparentSettings;
  /** The concentrators' addresses as configured, and what their names were last known to stand for. */
  readonly concentrators: { readonly addresses: readonly Destination[] };
  knownAddresses(name: string): readonly string[];
  /** Of this machine. */
  ownAddresses(): readonly string[];
  /** The client's own, over its uplinks. */
  readonly ownConnections: OwnConnections;
  /** Whether the name behind a destination matters. */
  wantsName(subject: { readonly destination: Destination }): boolean;
  onRequest(request: ConnectRequest): void;
  readonly native: NativeLoad;
  readonly appPool: BlockPool;
  readonly peers: PeerWatch;
  readonly watch: Pick<ProcessWatch, 'hasDescriptor' | 'onAcceptFailed'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/** Listens for the connections that the packet filter leads here, and serves them. */
export class TransparentListener {
  readonly server: TransparentServer;
  readonly #options: TransparentListenerOptions;
  readonly #listeners: AppSocketListener[] = [];
  /** Whether TPROXY rules may lead connections here. */
  #takesForeign = true;

  constructor(options: TransparentListenerOptions) {
    this.#options = options;
    const { settings, ownAddresses, ownConnections, wantsName, onRequest, clock, logger } = options;
    this.server = new TransparentServer({
      points: settings.listen,
      sniff: settings.sniff,
      maxConnections: settings.maxConnections,
      ownAddresses,
      isConcentrator: (destination) =>
        isConcentratorPlace(destination, options.concentrators.addresses, options.knownAddresses),
      isOwnConnection: (source, destination) => ownConnections.has(source, destination),
      wantsName,
      onRequest,
      clock,
      logger,
    });
  }

  /** Rejects with ListenError or RedirectionError; nothing listens then. */
  async start(): Promise<void> {
    const { settings, native, logger } = this.#options;
    if (native.native === undefined) throw new RedirectionError(native.reason);
    try {
      for (const point of settings.listen) this.#listeners.push(await this.#listenAt(point, native.native));
    } catch (error) {
      this.stopListening();
      throw error;
    }
    const listen = settings.listen.map(formatDestination);
    logger.info({ listen, tproxy: this.#takesForeign }, 'redirected connections are served');
  }

  /** Accepts no more connections; those that were accepted stay. */
  stopListening(): void {
    for (const listener of this.#listeners) listener.close();
  }

  #listenAt(point: Destination, native: NativeSockets): Promise<AppSocketListener> {
    const { appPool, peers, watch } = this.#options;
    return acceptAppSockets({
      ...point,
      // Each address is of one family, so that both may be listened at on one port.
      ipv6Only: true,
      setting: 'transparent.listen',
      pool: appPool,
      native,
      peers,
      onListening: (descriptor) => this.#takeForeign(point, native, descriptor),
      onSocket: (socket: AppSocket) =>
        watch.hasDescriptor('stream') ? this.server.handle(socket) : this.server.refuse(socket),
      onError: (error) => watch.onAcceptFailed(error),
    });
  }

  /** For TPROXY rules. Without the right to it, there is REDIRECT. */
  #takeForeign(point: Destination, native: NativeSockets, descriptor: number | undefined): void {
    if (descriptor === undefined) return;
    try {
      takeForeign(native, descriptor, isIPv6(point.host) ? 6 : 4);
    } catch (error) {
      if (!(error instanceof NativeSocketError)) throw error;
      this.#takesForeign = false;
      const reason = error.message;
      this.#options.logger.debug({ listen: formatDestination(point), reason }, 'TPROXY is not available');
    }
  }
}

/** This process cannot ask the kernel where redirected connections were meant to go. */
export class RedirectionError extends TributaryError {
  /** @param reason why there are no native socket calls */
  constructor(reason: string) {
    const message = `cannot serve redirected connections (transparent.listen): ${reason}`;
    super('networkFailure', message, 'ours');
  }
}
