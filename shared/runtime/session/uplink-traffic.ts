/** Bytes of one uplink since the program began: what went through its subflows' TLS, frame headers included. */
export interface UplinkTraffic {
  sentBytes: number;
  receivedBytes: number;
}

/** The traffic of all uplinks, by name; kept when their sessions end. */
export class TrafficTable {
  readonly #byUplink = new Map<string, UplinkTraffic>();
  readonly #maxUplinks: number;

  /** @param maxUplinks names beyond it are counted together, as `other` */
  constructor(maxUplinks: number) {
    this.#maxUplinks = maxUplinks;
  }

  of(uplinkName: string): UplinkTraffic {
    const name =
      this.#byUplink.has(uplinkName) || this.#byUplink.size < this.#maxUplinks ? uplinkName : OTHER;
    let traffic = this.#byUplink.get(name);
    if (traffic === undefined) {
      traffic = { sentBytes: 0, receivedBytes: 0 };
      this.#byUplink.set(name, traffic);
    }
    return traffic;
  }

  entries(): IterableIterator<[string, UplinkTraffic]> {
    return this.#byUplink.entries();
  }
}

const OTHER = 'other';
