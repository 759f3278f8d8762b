import { isDeepStrictEqual } from 'node:util';
import { StreamError, TributaryError } from '../../protocol/errors.ts';
import { Cancellation, type CancelSignal } from '../async/cancellation.ts';
import { type PlaceBounds, SharedPlaces } from '../async/shared-places.ts';
import { withTimeLimit } from '../async/time-limit.ts';
import type { MonotonicClock } from '../clock.ts';
import { keepRecent } from '../keep-recent.ts';
import { PlainWay } from './dns-way.ts';
import { HostsFile } from './hosts-file.ts';
import { answerOf, type Family, failureOf, isWhole, Lookup, MAX_ADDRESSES_PER_FAMILY } from './lookup.ts';
import { type DnsRoute, NameServers } from './name-servers.ts';
import { Nat64Discovery } from './nat64-discovery.ts';
import { namesIn, reverseName } from './reverse-name.ts';
import { systemNameServers } from './system-servers.ts';

/** Turns a name into addresses. */
export interface OriginResolver {
  /**
   * The addresses of a domain name (as `normalizeHost` gives it), 1 to 16 of them, in the order the name server gave. Askers
   * take turns where many names wait. Rejects with StreamError: nameNotFound, timedOut, networkFailure (name servers fail or
   * are unreachable), resourceExceeded (too many names of this asker wait) or cancelled.
   */
  resolve(name: string, signal: CancelSignal, asker: string): Promise<readonly string[]>;
}

/** Also turns an address into names. */
export interface NameResolver extends OriginResolver {
  /**
   * The names of an IP address as its name servers tell them (PTR), at least one, each in lower case without trailing dot. Rejects
   * as `resolve`.
   */
  namesOf(address: string, signal: CancelSignal, asker: string): Promise<readonly string[]>;
}

export interface DnsResolverOptions {
  /** Most that one caller waits, the time in the queue included. */
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
  /**
   * Asked before each name. Without it the system's name servers are asked, from any address. Throws, or rejects with, an error
   * of ours where there is none.
   */
  readonly route?: () => DnsRoute | Promise<DnsRoute>;
  readonly hostsPath?: string;
  /** Names asked for at a time, for all askers and for one; `MAX_NAMES` for either where absent. */
  readonly names?: PlaceBounds;
  /** Called for each name that has to wait for its turn, or may not even do that. */
  readonly onWait?: (asker: string) => void;
}

/** Names asked of the name servers at a time, two queries each; further ones wait. */
const MAX_NAMES = 256;

/**
 * Resolves through the hosts file, then DNS, by sockets of our own and not by `dns.lookup`: getaddrinfo(3) occupies a thread of
 * libuv's pool, and Node lets it use two. So two names with a dead name server would hold up every other open for seconds.
 * The price is that there are no search domains (a client means its name as it stands) and no other NSS modules; the hosts
 * file is read here.
 *
 * Callers that want the same name at the same time share one query; answers are kept for their time to live,
 * a minute at most.
 */
export class DnsResolver implements NameResolver {
  readonly #options: DnsResolverOptions;
  readonly #hosts: HostsFile;
  readonly #places: SharedPlaces;
  readonly #route: () => DnsRoute | Promise<DnsRoute>;
  /** The translators of the network that the name servers belong to. */
  readonly nat64: Nat64Discovery;
  #servers: { readonly route: DnsRoute; readonly servers: NameServers } | undefined;
  readonly #cache = new Map<string, { readonly answer: readonly string[]; readonly expiresAtMs: number }>();
  readonly #lookups = new Map<string, Lookup>();

  constructor(options: DnsResolverOptions) {
    const { clock, hostsPath = '/etc/hosts', names = { total: MAX_NAMES, perOwner: MAX_NAMES } } = options;
    this.#options = options;
    this.#hosts = new HostsFile(hostsPath, clock);
    this.#places = new SharedPlaces(names, options.onWait);
    this.#route = options.route ?? systemRoute(clock);
    this.nat64 = new Nat64Discovery(
      async (name) => (await this.#nameServers()).ask(name, 'AAAA', NEVER),
      clock,
    );
  }

  async resolve(name: string, signal: CancelSignal, asker = ''): Promise<readonly string[]> {
    const listed = await this.#hosts.lookup(name);
    if (signal.aborted) throw new StreamError('cancelled', `the lookup of ${name} was given up`);
    if (listed.length > 0) return listed.slice(0, 2 * MAX_ADDRESSES_PER_FAMILY);
    if (isLocalhost(name)) return LOCALHOST_ADDRESSES;

    const cached = this.#cache.get(name);
    if (cached && cached.expiresAtMs > this.#options.clock()) return cached.answer;
    return this.#lookup(name, asker).join(asker, signal);
  }

  async namesOf(address: string, signal: CancelSignal, asker = ''): Promise<readonly string[]> {
    this.#checkLine(address, asker);
    const { timeoutMs } = this.#options;
    try {
      return await withTimeLimit(`looking up ${address}`, { timeoutMs, signal }, async (limited) => {
        const release = await this.#places.take(asker, limited);
        try {
          const records = await (await this.#nameServers()).ask(reverseName(address), 'PTR', limited);
          return namesIn(records);
        } finally {
          release();
        }
      });
    } catch (error) {
      throw this.#whyNoNames(address, error, signal);
    }
  }

  #whyNoNames(address: string, error: unknown, signal: CancelSignal): unknown {
    if (signal.aborted) return new StreamError('cancelled', `the lookup of ${address} was given up`);
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof TributaryError || code === undefined) return error;
    return code === 'ETIMEDOUT'
      ? new StreamError('timedOut', `${address} was not resolved within ${this.#options.timeoutMs} ms`)
      : failureOf(address, [{ errorCode: code }]);
  }

  /** The lookup of the name that is under way, or a new one. */
  #lookup(name: string, asker: string): Lookup {
    this.#checkLine(name, asker);
    const known = this.#lookups.get(name);
    if (known !== undefined) return known;
    const lookup = new Lookup({
      name,
      places: this.#places,
      servers: () => this.#nameServers(),
      timeoutMs: this.#options.timeoutMs,
      // So queries that nobody waits for stay bounded, too.
      mayLinger: () => this.#lookups.size <= MAX_NAMES,
      onLearned: (families) => this.#store(name, families),
      onOver: () => void this.#lookups.delete(name),
    });
    this.#lookups.set(name, lookup);
    return lookup;
  }

  /** @throws StreamError when too many names of the asker wait */
  #checkLine(name: string, asker: string): void {
    if (this.#places.waitingOf(asker) < MAX_WAITING) return;
    this.#options.onWait?.(asker);
    const message = `${name} was not looked up: ${MAX_WAITING} names wait for the name servers already`;
    throw new StreamError('resourceExceeded', message);
  }

  /** The same ones as long as the route is the same: they know who of them does not answer. */
  async #nameServers(): Promise<NameServers> {
    const route = await this.#route();
    if (this.#servers === undefined || !isSameRoute(route, this.#servers.route)) {
      this.#servers = { route, servers: new NameServers(route, this.#options.clock) };
    }
    return this.#servers.servers;
  }

  #store(name: string, families: readonly Family[]): void {
    const answer = answerOf(families);
    const maxAgeMs = isWhole(families) ? MAX_CACHE_AGE_MS : MAX_HALF_AGE_MS;
    const ttlSeconds = Math.min(...families.flatMap(({ records }) => records.map(({ ttl }) => ttl)));
    if (answer.length === 0 || ttlSeconds <= 0) return;
    const expiresAtMs = this.#options.clock() + Math.min(ttlSeconds * 1000, maxAgeMs);
    keepRecent(this.#cache, name, { answer, expiresAtMs }, MAX_CACHED);
  }
}

/** Rounds over the name servers are bounded. */
const NEVER = new Cancellation();

function systemRoute(clock: MonotonicClock): () => DnsRoute {
  const servers = systemNameServers(clock);
  const way = new PlainWay();
  return () => ({ servers: servers(), way });
}

function isSameRoute(one: DnsRoute, other: DnsRoute): boolean {
  return one.way.name === other.way.name && isDeepStrictEqual(one.servers, other.servers);
}

/** RFC 6761 section 6.3: such names mean this machine, and are never asked of a name server. `name` in lower case. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}
export const LOCALHOST_ADDRESSES: readonly string[] = ['::1', '127.0.0.1'];

/** Names of one asker that wait for a place; at the bound an open fails at once, which is better than after its timeout. */
const MAX_WAITING = 1024;
const MAX_CACHED = 2048;
/** Short enough that a change at the origin is followed, long enough for the opens of one page. */
const MAX_CACHE_AGE_MS = 60_000;
/** The same of one family alone, where the name servers do not answer for the other, or fail: that may be for once. */
const MAX_HALF_AGE_MS = 5_000;
