import type { Destination } from '../../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../../shared/runtime/clock.ts';
import type { ClientConfig, ConfiguredUplink } from '../../config/client-config.ts';
import { type OpenedMeasurement, openMeasurement } from '../../measurement/open-measurement.ts';
import type { WireBytes } from '../../metering/wire-counter.ts';
import { WireTable } from '../../metering/wire-table.ts';
import { ConfiguredOpener, type OpenerDeps } from '../../probing/configured-opener.ts';
import { probeUdp, type UdpProbe, type UdpProbeOptions, udpProbeOptions } from '../../probing/udp-probe.ts';

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
  /** Whether UDP packets pass; a session of its own ends with it. Rejects as `measure`. */
  udp(uplink: ConfiguredUplink, address: Destination): Promise<UdpProbe>;
  /** What all connections over the uplink have cost so far, bytes on the wire. */
  carried(uplink: ConfiguredUplink): WireBytes;
}

/** Uplinks whose bytes are counted; more have a count in common. */
const MAX_EXAMINED_UPLINKS = 256;

/** The sockets themselves. */
export class SocketProber implements UplinkProber {
  readonly #config: Pick<ClientConfig, 'client' | 'dial'>;
  readonly #opener: ConfiguredOpener;
  readonly #clock: MonotonicClock;
  readonly #wires: WireTable;
  readonly #udp: UdpProbeOptions;

  constructor(
    config: Pick<ClientConfig, 'client' | 'concentrator' | 'dial'>,
    { native, attachment, clock }: Omit<OpenerDeps, 'wireOf'>,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#wires = new WireTable(native, MAX_EXAMINED_UPLINKS);
    const wireOf = (name: string) => this.#wires.of(name);
    const deps = { native, attachment, clock, wireOf };
    this.#opener = new ConfiguredOpener(config, deps);
    this.#udp = udpProbeOptions(config, deps);
  }

  async connect(uplink: ConfiguredUplink, address: Destination): Promise<number> {
    const startMs = this.#clock();
    const socket = await this.#opener.connect(uplink, address);
    socket.on('error', () => {});
    socket.destroy();
    return this.#clock() - startMs;
  }

  async secure(uplink: ConfiguredUplink, address: Destination): Promise<number> {
    const startMs = this.#clock();
    const transport = await this.#opener.secure(uplink, address);
    transport.destroy();
    return this.#clock() - startMs;
  }

  async measure(uplink: ConfiguredUplink, address: Destination): Promise<OpenedMeasurement | undefined> {
    const transport = await this.#opener.secure(uplink, address);
    const { client, dial } = this.#config;
    return openMeasurement(transport, {
      ...{ identity: client, uplink, timeoutMs: dial.timeoutMs, clock: this.#clock },
    });
  }

  async udp(uplink: ConfiguredUplink, address: Destination): Promise<UdpProbe> {
    const transport = await this.#opener.secure(uplink, address);
    return probeUdp(uplink, transport, this.#udp);
  }

  carried({ name }: ConfiguredUplink): WireBytes {
    return this.#wires.of(name).read();
  }
}
