import type { DatagramSetup } from '../../shared/protocol/datagram/datagram-commands.ts';
import type { Session } from '../../shared/protocol/session/session.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { PacketTable } from '../../shared/runtime/datagram/packet-table.ts';
import { type PacketWire, SessionPackets } from '../../shared/runtime/datagram/session-packets.ts';
import type { GcmCalls } from '../../shared/runtime/kernel/gcm-calls.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { trafficMeter } from '../../shared/runtime/session/traffic-meter.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { DatagramConfig } from '../config/concentrator-config.ts';
import type { DatagramPort, PacketReceiver } from './datagram-port.ts';

export interface SessionOfferOptions {
  readonly port: Pick<DatagramPort, 'port' | 'register' | 'unregister'>;
  readonly limits: Pick<DatagramConfig, 'flowsPerClient' | 'associationsPerClient'>;
  readonly gcm: GcmCalls | undefined;
  readonly clock: MonotonicClock;
  readonly traffic: TrafficTable;
  readonly packetTable: PacketTable;
  randomBytes(count: number): Uint8Array;
}

/** New keys are due after so long, or so many packets in one direction (SPEC.md section 13). Both directions count together here. */
const EPOCH_MS = 60 * 60 * 1000;
const EPOCH_PACKETS = 2 ** 30;
const SECRET_BYTES = 32;
/** Epochs whose packets are accepted. */
const MAX_EPOCHS = 2;

/** What the concentrator offers one session for its datagrams: connection ids and keys, and others in their time. */
export class SessionOffer implements PacketReceiver {
  readonly packets: SessionPackets;
  readonly #options: SessionOfferOptions;
  readonly #session: Session;
  #driver: SessionDriver | undefined;
  /** The newest first. */
  #connectionIds: readonly Uint8Array[] = [];
  #renewMs = Number.POSITIVE_INFINITY;

  constructor(session: Session, options: SessionOfferOptions) {
    this.#session = session;
    this.#options = options;
    this.packets = new SessionPackets({
      plane: session.datagrams,
      role: 'concentrator',
      gcm: options.gcm,
      clock: options.clock,
      meterOf: (uplinkName) =>
        trafficMeter(options.traffic.of(uplinkName), options.packetTable.of(uplinkName)),
      onTooLong: (path, bytes) => this.#driver?.input(({ datagrams }) => datagrams.onTooLong(path, bytes)),
    });
  }

  /** The session runs, and its client takes part: the first offer. */
  begin(driver: SessionDriver): void {
    this.#driver = driver;
    this.#offer();
  }

  receivePacket(packet: Uint8Array, wire: PacketWire): void {
    this.#driver?.receivePacket(packet, wire);
    const isDue = this.packets.packetsOfEpoch >= EPOCH_PACKETS || this.#options.clock() >= this.#renewMs;
    if (isDue && this.#connectionIds.length > 0) this.#offer();
  }

  /** The session is over. */
  close(): void {
    for (const id of this.#connectionIds) this.#options.port.unregister(id);
    this.#connectionIds = [];
  }

  #offer(): void {
    const { port, limits, randomBytes, clock } = this.#options;
    this.#renewMs = clock() + EPOCH_MS;
    const connectionId = port.register(this);
    const setup: Omit<DatagramSetup, 'epoch'> = {
      port: port.port,
      connectionId,
      secret: randomBytes(SECRET_BYTES),
      maxFlows: limits.flowsPerClient,
      maxAssociations: limits.associationsPerClient,
    };
    const all = [connectionId, ...this.#connectionIds];
    for (const id of all.slice(MAX_EPOCHS)) port.unregister(id);
    this.#connectionIds = all.slice(0, MAX_EPOCHS);
    this.#driver?.input(({ datagrams }) => datagrams.offer(setup, randomBytes));
    this.packets.addKeys(this.#session.datagrams.setup!);
  }
}
