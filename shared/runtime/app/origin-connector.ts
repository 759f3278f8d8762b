import { isIP, isIPv4 } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { MonotonicClock } from '../clock.ts';
import type { OriginResolver } from '../dns/resolver.ts';
import { CONNECTION_ATTEMPT_DELAY_MS, interleaveFamilies, raceConnections } from '../tcp/happy-eyeballs.ts';

/** Opens one connection to an IP address; rejects when it fails or `signal` aborts. */
export type ConnectAddress<T> = (address: string, port: number, signal: CancelSignal) => Promise<T>;

export interface OriginConnectorOptions<T> {
  readonly resolver: OriginResolver;
  /** Returns the addresses that may be dialled, in the same order. Throws the reason if there are none. */
  permitted(addresses: readonly string[], port: number): readonly string[];
  readonly connect: ConnectAddress<T>;
  /** For all addresses of an origin together, after resolution. */
  readonly connectTimeoutMs: number;
  readonly clock: MonotonicClock;
}

/**
 * Connects to origins: resolves the name, asks which addresses may be dialled, and races exactly these (Happy Eyeballs).
 * Nothing is resolved a second time, so what was checked is what is dialled.
 */
export class OriginConnector<T extends { destroy(): void }> {
  readonly #options: OriginConnectorOptions<T>;
  #ipv4FirstUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: OriginConnectorOptions<T>) {
    this.#options = options;
  }

  /**
   * `host` is a domain name as `normalizeHost` gives it, or an IP address. Rejects with what went wrong, of several addresses
   * with an AggregateError (see `dialFailure`), or with the signal's reason.
   */
  async connect({ host, port }: Destination, signal: CancelSignal): Promise<T> {
    const { resolver, permitted, connect, connectTimeoutMs, clock } = this.#options;
    const found = isIP(host) === 0 ? await resolver.resolve(host, signal) : [host];
    const first = clock() < this.#ipv4FirstUntilMs ? 4 : 6;
    const ordered = interleaveFamilies(permitted(found, port), first, (address) => address);
    const { connection, address } = await raceConnections({
      addresses: ordered,
      connect: (address, attempt) => connect(address, port, attempt),
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      timeoutMs: connectTimeoutMs,
      signal,
    });
    const hasIpv6Lost = !isIPv4(ordered[0] ?? '') && isIPv4(address);
    if (hasIpv6Lost) this.#ipv4FirstUntilMs = clock() + IPV4_FIRST_MS;
    return connection;
  }
}

/**
 * After IPv6 came first and IPv4 won, IPv4 comes first for this long, so that broken IPv6 does not cost every open
 * the attempt delay (RFC 6555 section 4.2, which names 10 minutes; RFC 8305 section 4 on history).
 */
const IPV4_FIRST_MS = 10 * 60 * 1000;
