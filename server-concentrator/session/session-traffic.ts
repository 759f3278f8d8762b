import { TrafficTable, type UplinkTraffic } from '../../shared/runtime/session/uplink-traffic.ts';
import type { UsageMeter } from '../usage/usage-meters.ts';

/** Uplink names of one session that are told apart; a client has 16 at most. */
const MAX_UPLINK_NAMES = 32;

/** A table of what one session carries, which counts in that of all sessions and as the client's usage as well. */
export function sessionTraffic(all: Pick<TrafficTable, 'of'>, usage: UsageMeter): TrafficTable {
  return new TrafficTable(MAX_UPLINK_NAMES, (uplinkName) => new TrafficPart(all.of(uplinkName), usage));
}

/** What is added here is added to the whole. */
class TrafficPart implements UplinkTraffic {
  readonly #whole: UplinkTraffic;
  readonly #usage: UsageMeter;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(whole: UplinkTraffic, usage: UsageMeter) {
    this.#whole = whole;
    this.#usage = usage;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  set sentBytes(bytes: number) {
    this.#whole.sentBytes += bytes - this.#sentBytes;
    this.#usage.downBytes += bytes - this.#sentBytes;
    this.#sentBytes = bytes;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  set receivedBytes(bytes: number) {
    this.#whole.receivedBytes += bytes - this.#receivedBytes;
    this.#usage.upBytes += bytes - this.#receivedBytes;
    this.#receivedBytes = bytes;
  }
}
