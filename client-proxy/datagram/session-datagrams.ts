import type { DatagramEvent } from '../../shared/protocol/datagram/datagram-commands.ts';
import type { Session } from '../../shared/protocol/session/session.ts';
import { SessionPackets } from '../../shared/runtime/datagram/session-packets.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { trafficMeter } from '../../shared/runtime/session/traffic-meter.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { DialledUplink } from '../path-manager/uplink-role.ts';
import { DatagramPaths, type DatagramPathsOptions } from './datagram-paths.ts';

/** The packets of one session's datagram plane, and the paths that they take. */
export class SessionDatagrams {
  readonly packets: SessionPackets;
  readonly #options: DatagramPathsOptions;
  #driver: SessionDriver | undefined;
  #uplinks: () => readonly DialledUplink[] = () => [];
  #paths: DatagramPaths | undefined;

  constructor(session: Session, options: DatagramPathsOptions, traffic: TrafficTable) {
    this.#options = options;
    this.packets = new SessionPackets({
      plane: session.datagrams,
      role: 'client',
      gcm: options.native?.gcm,
      clock: options.clock,
      meterOf: (uplinkName) => trafficMeter(traffic.of(uplinkName), options.packetTable.of(uplinkName)),
      onTooLong: (path, bytes) => this.#driver?.input(({ datagrams }) => datagrams.onTooLong(path, bytes)),
    });
  }

  /** The session runs from now on. @param uplinks those that may be used now */
  attach(driver: SessionDriver, uplinks: () => readonly DialledUplink[]): void {
    this.#driver = driver;
    this.#uplinks = uplinks;
    this.#paths = new DatagramPaths(this.#options, {
      driver,
      packets: this.packets,
      addPath: (uplinkName) => driver.input(({ datagrams }) => datagrams.addPath(uplinkName)),
      removePath: (path) => driver.input(({ datagrams }) => datagrams.removePath(path)),
    });
  }

  /** What the session tells of its plane. */
  onEvent(event: DatagramEvent): void {
    if (event.type !== 'datagrams-offered') return;
    this.packets.addKeys(event.setup);
    this.#paths?.setPort(event.setup.port);
    this.review();
  }

  /** Uplinks or subflows may be others now. */
  review(): void {
    this.#paths?.review(this.#uplinks());
  }

  close(): void {
    this.#paths?.close();
  }
}
