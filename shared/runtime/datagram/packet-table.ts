import { NamedTable } from '../named-table.ts';

/** UDP packets that one uplink has carried since the program began, without what IP and UDP put in front of them. */
export interface PacketTraffic {
  sentPackets: number;
  sentBytes: number;
  receivedPackets: number;
  receivedBytes: number;
}

/** The packets of all uplinks, by name; kept when their sessions end. */
export class PacketTable extends NamedTable<PacketTraffic> {
  constructor(maxUplinks: number) {
    super(maxUplinks, () => ({ sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0 }));
  }
}
