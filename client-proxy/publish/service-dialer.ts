import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { connectAppSocket, connectUnixSocket } from '../../shared/runtime/app/app-socket-connect.ts';
import type { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import { OriginConnector } from '../../shared/runtime/app/origin-connector.ts';
import { dialFailure } from '../../shared/runtime/app/origin-failure.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { DnsResolver } from '../../shared/runtime/dns/resolver.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ServiceAddress } from './published-service.ts';

export interface ServiceDialerOptions {
  readonly pool: BlockPool;
  readonly native: NativeSockets | undefined;
  readonly peers: PeerWatch;
  readonly clock: MonotonicClock;
}

/** A service is near: a visitor need not wait for longer. */
const CONNECT_TIMEOUT_MS = 10_000;
const RESOLVE_TIMEOUT_MS = 5_000;

/** Connects to the services that are published, which the configuration alone names: no rule keeps it from any address. */
export class ServiceDialer {
  readonly #options: ServiceDialerOptions;
  readonly #connector: OriginConnector<AppSocket>;

  constructor(options: ServiceDialerOptions) {
    const { pool, native, peers, clock } = options;
    this.#options = options;
    this.#connector = new OriginConnector({
      resolver: new DnsResolver({ timeoutMs: RESOLVE_TIMEOUT_MS, clock }),
      permitted: (addresses) => addresses,
      connect: (host, port, signal) => connectAppSocket({ host, port, pool, native, peers, signal }),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      clock,
    });
  }

  /** Rejects with TributaryError, as `dialFailure`. */
  async dial(to: ServiceAddress, signal: CancelSignal): Promise<AppSocket> {
    const { pool } = this.#options;
    try {
      if (!('path' in to)) return await this.#connector.connect(to, signal);
      const limit = { timeoutMs: CONNECT_TIMEOUT_MS, signal };
      return await withTimeLimit(`connecting to ${to.path}`, limit, (limited) =>
        connectUnixSocket({ path: to.path, pool, signal: limited }),
      );
    } catch (cause) {
      const where = 'path' in to ? { host: to.path, port: 0 } : to;
      throw dialFailure(where, cause, signal);
    }
  }
}
