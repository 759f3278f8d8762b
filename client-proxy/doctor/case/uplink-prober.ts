import type { Destination } from '../../../shared/protocol/destination.ts';
import type { MeasurementTerms } from '../../../shared/protocol/handshake/messages.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import type { NativeSockets } from '../../../shared/runtime/kernel/native.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { ReceivePool } from '../../../shared/runtime/subflow/receive-pool.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import type { ClientConfig, ConfiguredUplink } from '../../config/client-config.ts';
import { clientSubflowHandshake } from '../../path-manager/client-subflow-handshake.ts';
import { connectSubflow } from '../../uplink/subflow-connect.ts';
import type { AttachmentFinder } from '../../uplink/uplink-device.ts';
import { connectThroughUplink } from '../../uplink/uplink-socket.ts';
import { closeSession, MeasurementConnection } from '../measurement/measurement-connection.ts';

/** A connection for measurements, which the concentrator has answered. */
export interface OpenedMeasurement {
  readonly connection: Measuring;
  readonly terms: MeasurementTerms;
}

/** What can be done with such a connection, as `MeasurementConnection` does it. */
export type Measuring = Pick<MeasurementConnection, 'ping' | 'send' | 'receive' | 'keepSilent' | 'close'>;

/** Connections of the doctor's own over an uplink; a client that runs is not concerned. */
export interface UplinkProber {
  /** TCP, and no more; resolves to the milliseconds that it took. Rejects with UplinkError. */
  connect(uplink: ConfiguredUplink, address: Destination): Promise<number>;
  /** TCP, TLS and the certificate's pin; resolves to the milliseconds. Rejects with UplinkError or SubflowError. */
  secure(uplink: ConfiguredUplink, address: Destination): Promise<number>;
  /**
   * All of it, and the client's key. Undefined where the concentrator is older than measurements. Rejects as `secure`, and as
   * `clientSubflowHandshake`.
   */
  measure(uplink: ConfiguredUplink, address: Destination): Promise<OpenedMeasurement | undefined>;
}

/** The sockets themselves. */
export class SocketProber implements UplinkProber {
  readonly #config: Pick<ClientConfig, 'client' | 'concentrator' | 'dial'>;
  readonly #native: NativeSockets | undefined;
  readonly #attachment: AttachmentFinder;
  readonly #clock: MonotonicClock;
  readonly #pool: ReceivePool;

  constructor(
    config: Pick<ClientConfig, 'client' | 'concentrator' | 'dial'>,
    native: NativeSockets | undefined,
    attachment: AttachmentFinder,
    clock: MonotonicClock,
  ) {
    this.#config = config;
    this.#attachment = attachment;
    this.#native = native;
    this.#clock = clock;
    this.#pool = new ReceivePool(clock);
  }

  async connect(uplink: ConfiguredUplink, address: Destination): Promise<number> {
    const startMs = this.#clock();
    const { timeoutMs } = this.#config.dial;
    const socket = await connectThroughUplink(uplink, address, {
      timeoutMs,
      native: this.#native,
      attachment: this.#attachment,
    });
    socket.on('error', () => {});
    socket.destroy();
    return this.#clock() - startMs;
  }

  async secure(uplink: ConfiguredUplink, address: Destination): Promise<number> {
    const startMs = this.#clock();
    const transport = await this.#secured(uplink, address);
    transport.destroy();
    return this.#clock() - startMs;
  }

  async measure(uplink: ConfiguredUplink, address: Destination): Promise<OpenedMeasurement | undefined> {
    const transport = await this.#secured(uplink, address);
    const { client, dial } = this.#config;
    const { result, takeRest } = await clientSubflowHandshake(
      transport,
      {
        crypto: nodeHandshakeCrypto,
        identity: client,
        uplinkName: uplink.name,
        backup: uplink.backup,
        intent: { kind: 'hello', isMeasurement: true },
      },
      dial.timeoutMs,
    );
    const terms = result.welcome?.measurement;
    if (terms !== undefined) {
      return { connection: new MeasurementConnection(transport, takeRest(), this.#clock), terms };
    }
    closeSession(transport);
    return undefined;
  }

  #secured(uplink: ConfiguredUplink, address: Destination): Promise<SubflowTransport> {
    const { concentrator, dial } = this.#config;
    return connectSubflow(uplink, address, {
      pins: concentrator.pins,
      serverName: concentrator.serverName,
      pool: this.#pool,
      native: this.#native,
      attachment: this.#attachment,
      timeoutMs: dial.timeoutMs,
      congestionControl: uplink.congestionControl,
    });
  }
}
