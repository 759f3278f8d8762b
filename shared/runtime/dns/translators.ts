import { isIPv4 } from 'node:net';
import { type Nat64Prefix, translatedAddress } from '../address/nat64.ts';
import { canBeAnswered, ownFamilies } from '../address/own-families.ts';
import { isLoopback, judgeAddress } from '../address/special-ranges.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { MonotonicClock } from '../clock.ts';
import type { Ipv4Route } from './ipv4-route.ts';
import type { Nat64Discovery } from './nat64-discovery.ts';

/** The addresses of this machine are read at most so often: it is done for each connection. */
const READ_EVERY_MS = 1_000;

/** How a network without IPv4 reaches IPv4 addresses: by IPv6, and a translator (NAT64). */
export class Translators {
  readonly #discovery: Nat64Discovery;
  readonly #ownAddresses: () => readonly string[];
  readonly #clock: MonotonicClock;
  readonly #ipv4Route: Pick<Ipv4Route, 'isThere' | 'refresh'> | undefined;
  #families: ReadonlySet<4 | 6> = new Set();
  #readMs = Number.NEGATIVE_INFINITY;

  /**
   * @param ownAddresses what connections are made from
   * @param ipv4Route absent: an IPv4 address has a route with it
   */
  constructor(
    discovery: Nat64Discovery,
    ownAddresses: () => readonly string[],
    clock: MonotonicClock,
    ipv4Route?: Pick<Ipv4Route, 'isThere' | 'refresh'>,
  ) {
    this.#discovery = discovery;
    this.#ownAddresses = ownAddresses;
    this.#clock = clock;
    this.#ipv4Route = ipv4Route;
  }

  /** The prefixes that are known. */
  get known(): readonly Nat64Prefix[] {
    return this.#discovery.known;
  }

  /**
   * Asks for the prefixes, if they matter for who dials these addresses: to reach them, or to know what is behind them. Undefined
   * where they do not.
   */
  learnFor(addresses: readonly string[], signal: CancelSignal): Promise<unknown> | undefined {
    const families = this.ownFamilies;
    if (!families.has(6)) return undefined;
    const isRouteWanted = families.has(4) && addresses.some(isOfInternet);
    const asking = isRouteWanted ? this.#ipv4Route?.refresh() : undefined;
    if (asking !== undefined) return asking.then(() => this.#learn(addresses, signal));
    return this.#learn(addresses, signal);
  }

  #learn(addresses: readonly string[], signal: CancelSignal): Promise<unknown> | undefined {
    const isNeeded = addresses.some((address) => this.#isOutOfReach(address));
    const mayCarry = addresses.some((address) => !isIPv4(address) && !isLoopback(address));
    return isNeeded || mayCarry ? this.#discovery.current(isNeeded, signal) : undefined;
  }

  /** What to dial for these addresses: they themselves, or in place of IPv4 that there is no way to, their translations. */
  reachable(addresses: readonly string[]): readonly string[] {
    const { known } = this;
    if (known.length === 0) return addresses;
    return addresses.flatMap((address) =>
      this.#isOutOfReach(address) ? known.map((prefix) => translatedAddress(prefix, address)) : [address],
    );
  }

  /** An IPv4 address, and there is no IPv4 here; or none that leads beyond networks that this machine is in. */
  #isOutOfReach(address: string): boolean {
    if (!isIPv4(address) || !canBeAnswered(address)) return false;
    if (!this.ownFamilies.has(4)) return true;
    return this.ownFamilies.has(6) && isOfInternet(address) && this.#ipv4Route?.isThere === false;
  }

  /** The address families in which this machine reaches others. */
  get ownFamilies(): ReadonlySet<4 | 6> {
    if (this.#clock() - this.#readMs >= READ_EVERY_MS) {
      this.#families = ownFamilies(this.#ownAddresses());
      this.#readMs = this.#clock();
    }
    return this.#families;
  }
}

/** An IPv4 address that is in no private network. */
function isOfInternet(address: string): boolean {
  return isIPv4(address) && judgeAddress(address)?.[0]?.special === undefined;
}
