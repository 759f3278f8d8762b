import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { CertificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import type { DescriptorWork } from '../../shared/runtime/kernel/descriptors.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ReceivePool } from '../../shared/runtime/subflow/receive-pool.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { ConnectionWatcher } from '../../shared/runtime/tcp/connection-watcher.ts';
import type { PacketSizes } from '../packet-size/packet-sizes.ts';
import { raceSizes } from '../packet-size/size-race.ts';
import { connectProbed, type ProbedSubflow } from './probed-subflow.ts';
import { canLimitPackets } from './sized-socket.ts';
import { SubflowError } from './subflow-error.ts';
import type { Uplink } from './uplink.ts';
import { connectAppSocketThroughUplink } from './uplink-app-socket.ts';
import type { AttachmentFinder } from './uplink-device.ts';
import { UplinkError } from './uplink-error.ts';
import { connectedHost, connectThroughUplink } from './uplink-socket.ts';

export interface UplinkConnectorOptions {
  /** The certificates of which the concentrator must show one, as they are when it is dialled. */
  pins(): readonly CertificatePin[];
  /** Sent to the concentrator as SNI, where it wants no other; nothing is sent where absent. */
  readonly serverName?: string | undefined;
  /** For TCP and TLS of a subflow together. */
  readonly subflowTimeoutMs: number;
  readonly native: NativeSockets | undefined;
  /** On which ways long packets vanish. */
  readonly packetSizes: PacketSizes;
  readonly clock: MonotonicClock;
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

/** What a subflow is dialled for. */
export interface SubflowPurpose {
  /** The concentrator's address that the dialled one stands for; lengths of packets are remembered by it. */
  readonly way: Destination;
  /** Only packets of full length will do. */
  readonly isTrial: boolean;
  /** A packet that is lost must not cost a second. */
  readonly isPressing: boolean;
  /** What the concentrator wants as SNI; undefined: the configured one. */
  readonly serverName?: string | undefined;
}

/** One of the lengths of packets that a subflow is tried with. */
interface SizedAttempt {
  readonly packetBytes: number | undefined;
  readonly isTrial: boolean;
  readonly isPressing: boolean;
  readonly serverName: string | undefined;
  readonly signal: CancelSignal;
  onHandshake(isHeard: () => boolean): void;
}

/** A trial has a subflow beside it that works: what it waits for is a few round trips, with some loss. */
const TRIAL_TIMEOUT_MS = 3_000;

/** Of a dial that others wait for: with those that kernels repeat, five a second for five seconds, of 60 bytes each. */
const PRESSING_SYNS = 4;

/** The first SYN and one repeated, with a round trip of half a second. */
const ANSWER_TIMEOUT_MS = 1_500;

/** Opens the connections of this program over its uplinks, with what is the same for all of them. */
export class UplinkConnector {
  /** On which ways long packets vanish. */
  readonly packetSizes: PacketSizes;
  readonly #options: UplinkConnectorOptions;

  constructor(options: UplinkConnectorOptions) {
    this.#options = options;
    this.packetSizes = options.packetSizes;
  }

  /**
   * A subflow to an address of the concentrator, with packets as long as get through. Rejects with UplinkError or SubflowError.
   */
  async subflow(
    uplink: TunedUplink,
    address: Destination,
    signal: CancelSignal,
    { way, isTrial, isPressing, serverName = this.#options.serverName }: SubflowPurpose,
  ): Promise<SubflowTransport> {
    const { packetSizes, native, clock } = this.#options;
    const host = connectedHost(uplink, address);
    const isSizable = !isTrial && canLimitPackets({ host, native });
    const { transport } = await raceSizes<ProbedSubflow>({
      candidates: isSizable ? packetSizes.candidates(uplink.name, way) : [undefined],
      connect: (packetBytes, onHandshake, attempt) =>
        this.#probed(uplink, address, {
          packetBytes,
          onHandshake,
          signal: attempt,
          isTrial,
          isPressing,
          serverName,
        }),
      isLowered: (subflow) => subflow.isLowered(),
      isStandstill: (error) =>
        (error instanceof UplinkError || error instanceof SubflowError) && error.code === 'timedOut',
      onResult: (packetBytes, { transport: { localAddress } }) => {
        if (packetBytes === undefined) packetSizes.onFull(uplink.name, way);
        else packetSizes.onSmall(uplink.name, way, packetBytes, localAddress);
      },
      clock,
      signal,
    });
    return transport;
  }

  /** A connection to an origin, past the concentrator. Rejects as `connectAppSocketThroughUplink` does. */
  async origin(
    uplink: Uplink,
    target: Destination,
    signal: CancelSignal,
    timeoutMs: number,
  ): Promise<AppSocket> {
    this.#takeDescriptor(uplink, 'stream');
    const { native, attachment, appPool, peers, packetSizes } = this.#options;
    const wire = this.#options.wireOf(uplink.name);
    return connectAppSocketThroughUplink(uplink, target, {
      pool: appPool,
      peers,
      native,
      attachment,
      wire,
      packetBytes: packetSizes.limitOfUplink(uplink.name),
      signal,
      timeoutMs,
    });
  }

  #probed(uplink: TunedUplink, address: Destination, attempt: SizedAttempt): Promise<ProbedSubflow> {
    this.#takeDescriptor(uplink, 'subflow');
    const { pins, subflowTimeoutMs, native, attachment, subflowPool, logger } = this.#options;
    const { isTrial, isPressing, ...sized } = attempt;
    return connectProbed(uplink, address, {
      ...sized,
      furtherSyns: isPressing ? PRESSING_SYNS : 0,
      mayTryFurther: () => this.#options.hasDescriptor('subflow'),
      pins: pins(),
      pool: subflowPool,
      native,
      attachment,
      wire: this.#options.wireOf(uplink.name),
      timeoutMs: isTrial ? Math.min(TRIAL_TIMEOUT_MS, subflowTimeoutMs) : subflowTimeoutMs,
      congestionControl: uplink.congestionControl,
      onWarning: (message) => logger.warn({ uplink: uplink.name }, message),
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
