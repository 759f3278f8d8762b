import { isIP, isIPv4 } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { ReleasePlace, SharedPlaces } from '../async/shared-places.ts';
import type { MonotonicClock } from '../clock.ts';
import type { OriginResolver } from '../dns/resolver.ts';
import type { Translators } from '../dns/translators.ts';
import {
  type AttemptLimit,
  CONNECTION_ATTEMPT_DELAY_MS,
  interleaveFamilies,
  raceConnections,
} from '../tcp/happy-eyeballs.ts';

/** Opens one connection to an IP address for `owner`; rejects when it fails or `signal` aborts. */
export type ConnectAddress<T> = (
  address: string,
  port: number,
  signal: CancelSignal,
  owner: string,
) => Promise<T>;

export interface OriginConnectorOptions<T> {
  readonly resolver: OriginResolver;
  /** Returns the addresses of a destination that may be dialled for `owner`, in the same order. Throws the reason if there are none. */
  permitted(addresses: readonly string[], destination: Destination, owner: string): readonly string[];
  /** Where IPv4 may have to be reached through a translator; what they make of an address must be permitted, too. */
  readonly translators?: Translators | undefined;
  readonly connect: ConnectAddress<T>;
  /** For all addresses of an origin together, after resolution. */
  readonly connectTimeoutMs: number;
  /** A place for each attempt under way, shared by all owners; as many as there are connections to make where absent. */
  readonly places?: SharedPlaces | undefined;
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
   * `host` is a domain name as `normalizeHost` gives it, or an IP address. `owner` is whom the connection is for where several
   * share the places and the name servers. Rejects with what went wrong, of several addresses with an AggregateError (see
   * `dialFailure`), or with the signal's reason.
   */
  async connect(destination: Destination, signal: CancelSignal, owner = ''): Promise<T> {
    const { host, port } = destination;
    const { resolver } = this.#options;
    const found = isIP(host) === 0 ? await resolver.resolve(host, signal, owner) : [host];
    const addresses = await this.#dialled(found, signal, (addresses) =>
      this.#options.permitted(addresses, destination, owner),
    );
    const release = await this.#place(signal, owner);
    try {
      return await this.#race(addresses, port, signal, owner);
    } finally {
      release();
    }
  }

  async #dialled(
    found: readonly string[],
    signal: CancelSignal,
    permitted: (addresses: readonly string[]) => readonly string[],
  ): Promise<readonly string[]> {
    const { translators } = this.#options;
    const allowed = permitted(found);
    if (translators === undefined) return allowed;
    const learning = translators.learnFor(allowed, signal);
    if (learning !== undefined) await learning;
    signal.throwIfAborted();
    if (translators.known.length === 0) return allowed;
    // Once more, since now it is known which of them are IPv4 addresses in disguise.
    return permitted(translators.reachable(permitted(allowed)));
  }

  async #race(addresses: readonly string[], port: number, signal: CancelSignal, owner: string): Promise<T> {
    const { connect, connectTimeoutMs, clock } = this.#options;
    const first = clock() < this.#ipv4FirstUntilMs ? 4 : 6;
    const isRace = addresses.length > 1;
    const ordered = isRace ? interleaveFamilies(addresses, first, (address) => address) : addresses;
    const { connection, address } = await raceConnections({
      addresses: ordered,
      connect: (address, attempt) => connect(address, port, attempt, owner),
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      limit: isRace ? this.#attemptLimit(owner) : undefined,
      timeoutMs: connectTimeoutMs,
      signal,
    });
    const hasIpv6Lost = !isIPv4(ordered[0] ?? '') && isIPv4(address);
    if (hasIpv6Lost) this.#ipv4FirstUntilMs = clock() + IPV4_FIRST_MS;
    return connection;
  }

  #attemptLimit(owner: string): AttemptLimit {
    const { places } = this.#options;
    return {
      maxUnderway: MAX_ATTEMPTS,
      patienceMs: ATTEMPT_PATIENCE_MS,
      takeAnother: () => (places === undefined ? NO_PLACE : places.tryClaim(owner)),
    };
  }

  /** Waits for the place of the first attempt. Rejects with the signal's reason. */
  #place(signal: CancelSignal, owner: string): Promise<ReleasePlace> {
    const { places } = this.#options;
    signal.throwIfAborted();
    return places === undefined ? Promise.resolve(NO_PLACE) : places.take(owner, signal);
  }
}

const NO_PLACE: ReleasePlace = () => {};
/**
 * Connections that one race has under way at a time. A name may have 16 addresses of which none answers, and each attempt is a
 * socket here and packets there.
 */
const MAX_ATTEMPTS = 4;
/** The oldest of four is then 2.5 s old: a SYN that was lost has been repeated after one second, and answered. Later ones have 2 s. */
const ATTEMPT_PATIENCE_MS = 1_500;

/**
 * After IPv6 came first and IPv4 won, IPv4 comes first for this long, so that broken IPv6 does not cost every open
 * the attempt delay (RFC 6555 section 4.2, which names 10 minutes; RFC 8305 section 4 on history).
 */
const IPV4_FIRST_MS = 10 * 60 * 1000;
