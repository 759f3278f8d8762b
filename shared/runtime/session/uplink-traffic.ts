import { NamedTable } from '../named-table.ts';

/** Bytes of one uplink since the program began: what went through its subflows' TLS, frame headers included. */
export interface UplinkTraffic {
  sentBytes: number;
  receivedBytes: number;
}

/** The traffic of all uplinks, by name; kept when their sessions end. */
export class TrafficTable extends NamedTable<UplinkTraffic> {
  constructor(
    maxUplinks: number,
    make: (uplinkName: string) => UplinkTraffic = () => ({ sentBytes: 0, receivedBytes: 0 }),
  ) {
    super(maxUplinks, make);
  }
}
