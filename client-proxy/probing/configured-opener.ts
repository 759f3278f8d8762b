import type { Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { ReceivePool } from '../../shared/runtime/subflow/receive-pool.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { ConnectionWatcher } from '../../shared/runtime/tcp/connection-watcher.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { connectSubflow } from '../uplink/subflow-connect.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';
import { connectThroughUplink } from '../uplink/uplink-socket.ts';

export interface OpenerDeps {
  readonly native: NativeSockets | undefined;
  readonly attachment: AttachmentFinder;
  readonly clock: MonotonicClock;
  /** Counts what the connections cost on an uplink. */
  wireOf?(uplinkName: string): ConnectionWatcher;
}

/**
 * With the keys of ML-KEM, which newer releases of OpenSSL send, the first packet of TLS is one of full length at both ends, and is lost
 * where those vanish. A command that looks has to get further to see that it is so.
 */
const SHORT_KEYS = 'X25519:P-256';

/** Opens connections over uplinks as the configuration has them, for commands that look. A client that runs is not concerned. */
export class ConfiguredOpener {
  readonly #config: Pick<ClientConfig, 'concentrator' | 'dial'>;
  readonly #deps: OpenerDeps;
  readonly #pool: ReceivePool;

  constructor(config: Pick<ClientConfig, 'concentrator' | 'dial'>, deps: OpenerDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#pool = new ReceivePool(deps.clock);
  }

  /** TCP, and no more. Rejects with UplinkError. */
  connect(uplink: ConfiguredUplink, address: Destination): Promise<Socket> {
    return connectThroughUplink(uplink, address, this.#optionsFor(uplink));
  }

  /** TCP, TLS and the certificate's pin. Rejects as `connectSubflow`. */
  secure(uplink: ConfiguredUplink, address: Destination, signal?: CancelSignal): Promise<SubflowTransport> {
    const { pins, serverName } = this.#config.concentrator;
    return connectSubflow(uplink, address, {
      ...this.#optionsFor(uplink),
      ...{ pins, serverName, pool: this.#pool, congestionControl: uplink.congestionControl },
      keyExchangeGroups: SHORT_KEYS,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #optionsFor({ name }: ConfiguredUplink) {
    const { native, attachment, wireOf } = this.#deps;
    return { native, attachment, wire: wireOf?.(name), timeoutMs: this.#config.dial.timeoutMs };
  }
}
