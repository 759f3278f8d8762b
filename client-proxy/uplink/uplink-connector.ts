import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { CertificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import type { DescriptorWork } from '../../shared/runtime/kernel/descriptors.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ReceivePool } from '../../shared/runtime/subflow/receive-pool.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { ConnectionWatcher } from '../../shared/runtime/tcp/connection-watcher.ts';
import { connectSubflow } from './subflow-connect.ts';
import type { Uplink } from './uplink.ts';
import { connectAppSocketThroughUplink } from './uplink-app-socket.ts';
import type { AttachmentFinder } from './uplink-device.ts';
import { UplinkError } from './uplink-error.ts';
import { connectThroughUplink } from './uplink-socket.ts';

export interface UplinkConnectorOptions {
  /** The certificates of which the concentrator must show one, as they are when it is dialled. */
  pins(): readonly CertificatePin[];
  /** Sent to the concentrator as SNI; nothing is sent where absent. */
  readonly serverName?: string | undefined;
  /** For TCP and TLS of a subflow together. */
  readonly subflowTimeoutMs: number;
  readonly native: NativeSockets | undefined;
  readonly attachment: AttachmentFinder;
  /** Counts what the connections of each uplink cost on the wire. */
  wireOf(uplinkName: string): ConnectionWatcher;
  readonly appPool: BlockPool;
  /** Looks after origins. */
  readonly peers: PeerWatch;
  readonly subflowPool: ReceivePool;
  /** Whether a file descriptor may be used for this. */
  hasDescriptor(work: DescriptorWork): boolean;
  readonly logger: Logger;
}

/** An uplink whose subflows may ask for a congestion control of the kernel's by name. */
export interface TunedUplink extends Uplink {
  readonly congestionControl?: string;
}

/** The first SYN and one repeated, with a round trip of half a second. */
const ANSWER_TIMEOUT_MS = 1_500;

/** Opens the connections of this program over its uplinks, with what is the same for all of them. */
export class UplinkConnector {
  readonly #options: UplinkConnectorOptions;

  constructor(options: UplinkConnectorOptions) {
    this.#options = options;
  }

  /** A subflow to an address of the concentrator. Rejects with UplinkError or SubflowError. */
  async subflow(uplink: TunedUplink, address: Destination, signal: CancelSignal): Promise<SubflowTransport> {
    this.#takeDescriptor(uplink, 'subflow');
    const { pins, serverName, subflowTimeoutMs, native, attachment, subflowPool, logger } = this.#options;
    return connectSubflow(uplink, address, {
      pins: pins(),
      serverName,
      pool: subflowPool,
      native,
      attachment,
      wire: this.#options.wireOf(uplink.name),
      signal,
      timeoutMs: subflowTimeoutMs,
      congestionControl: uplink.congestionControl,
      onWarning: (message) => logger.warn({ uplink: uplink.name }, message),
    });
  }

  /** A connection to an origin, past the concentrator. Rejects as `connectAppSocketThroughUplink` does. */
  async origin(
    uplink: Uplink,
    target: Destination,
    signal: CancelSignal,
    timeoutMs: number,
  ): Promise<AppSocket> {
    this.#takeDescriptor(uplink, 'stream');
    const { native, attachment, appPool, peers } = this.#options;
    const wire = this.#options.wireOf(uplink.name);
    return connectAppSocketThroughUplink(uplink, target, {
      pool: appPool,
      peers,
      native,
      attachment,
      wire,
      signal,
      timeoutMs,
    });
  }

  /** Whether anything answers there within a moment, be it that it refuses; asks by one connection. */
  async answers(uplink: Uplink, address: Destination): Promise<boolean> {
    const { native, attachment } = this.#options;
    const wire = this.#options.wireOf(uplink.name);
    try {
      this.#takeDescriptor(uplink, 'subflow');
      const options = { native, attachment, wire, timeoutMs: ANSWER_TIMEOUT_MS };
      (await connectThroughUplink(uplink, address, options)).destroy();
      return true;
    } catch (error) {
      return error instanceof UplinkError && error.code === 'connectionRefused';
    }
  }

  #takeDescriptor(uplink: Uplink, work: DescriptorWork): void {
    if (this.#options.hasDescriptor(work)) return;
    throw new UplinkError(uplink.name, 'resourceExceeded', 'this program has few file descriptors left');
  }
}
