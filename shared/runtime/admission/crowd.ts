import { BySize } from './by-size.ts';
import { DecayingCount } from './decaying-count.ts';
import type { Source } from './source.ts';

interface Host<Guest> {
  /** The oldest first. */
  readonly guests: Set<Guest>;
  /** Those that gave way to newcomers of the same host. */
  readonly turnover: DecayingCount;
}

interface Network<Guest> {
  readonly hosts: Map<string, Host<Guest>>;
  readonly hostsBySize: BySize<Host<Guest>>;
  size: number;
}

/** Guests by their sources: how many each source has, and who is to go first. */
export class Crowd<Guest> {
  readonly #turnoverPerSecond: number;
  readonly #networks = new Map<string, Network<Guest>>();
  readonly #networksBySize = new BySize<Network<Guest>>();
  #size = 0;

  /** @param turnoverPerSecond so many guests of a host give way to newcomers of the same host in a second */
  constructor(turnoverPerSecond: number) {
    this.#turnoverPerSecond = turnoverPerSecond;
  }

  get size(): number {
    return this.#size;
  }

  hostSize(source: Source): number {
    return this.#hostOf(source)?.guests.size ?? 0;
  }

  networkSize(source: Source): number {
    return this.#networks.get(source.network)?.size ?? 0;
  }

  add(guest: Guest, source: Source): void {
    let network = this.#networks.get(source.network);
    if (network === undefined) {
      network = { hosts: new Map(), hostsBySize: new BySize(), size: 0 };
      this.#networks.set(source.network, network);
    }
    let host = network.hosts.get(source.host);
    if (host === undefined) {
      host = { guests: new Set(), turnover: new DecayingCount() };
      network.hosts.set(source.host, host);
    }
    host.guests.add(guest);
    this.#resized(network, host, 1);
  }

  remove(guest: Guest, source: Source): void {
    const network = this.#networks.get(source.network);
    const host = network?.hosts.get(source.host);
    if (network === undefined || !host?.guests.delete(guest)) return;
    this.#resized(network, host, -1);
    if (host.guests.size === 0) network.hosts.delete(source.host);
    if (network.size === 0) this.#networks.delete(source.network);
  }

  /** The oldest of those that have most: of the largest network, and in it of the largest host. */
  get oldestOfLargest(): Guest | undefined {
    return oldest(this.#networksBySize.largest?.hostsBySize.largest);
  }

  /** Who makes room for a newcomer: somebody whose source has more than his; else as `inNetwork`. */
  anywhere(newcomer: Source, nowMs: number): Guest | undefined {
    const largest = this.#networksBySize.largest;
    if (largest !== undefined && largest.size > this.networkSize(newcomer)) {
      return oldest(largest.hostsBySize.largest);
    }
    return this.inNetwork(newcomer, nowMs);
  }

  /** Who in the newcomer's own network makes room: somebody whose host has more than his; else as `inHost`. */
  inNetwork(newcomer: Source, nowMs: number): Guest | undefined {
    const largest = this.#networks.get(newcomer.network)?.hostsBySize.largest;
    if (largest !== undefined && largest.guests.size > this.hostSize(newcomer)) return oldest(largest);
    return this.inHost(newcomer, nowMs);
  }

  /** Who of the newcomer's own host makes room: the oldest, unless there were many of late. Undefined: nobody does. */
  inHost(newcomer: Source, nowMs: number): Guest | undefined {
    const perSecond = this.#turnoverPerSecond;
    const host = this.#hostOf(newcomer);
    if (host === undefined || host.turnover.at(nowMs, perSecond) + 1 > perSecond) return undefined;
    host.turnover.add(nowMs, perSecond);
    return oldest(host);
  }

  #hostOf({ network, host }: Source): Host<Guest> | undefined {
    return this.#networks.get(network)?.hosts.get(host);
  }

  #resized(network: Network<Guest>, host: Host<Guest>, by: 1 | -1): void {
    const { size } = host.guests;
    network.hostsBySize.move(host, size - by, size);
    this.#networksBySize.move(network, network.size, network.size + by);
    network.size += by;
    this.#size += by;
  }
}

function oldest<Guest>(host: Host<Guest> | undefined): Guest | undefined {
  const [guest] = host?.guests ?? [];
  return guest;
}
