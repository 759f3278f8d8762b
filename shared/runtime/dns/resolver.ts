import { promises as dns } from 'node:dns';
import { isDeepStrictEqual } from 'node:util';
import { type ErrorName, StreamError } from '../../protocol/errors.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { MonotonicClock } from '../clock.ts';
import { HostsFile } from './hosts-file.ts';

/** Turns a name into addresses. */
export interface OriginResolver {
  /**
   * The addresses of a domain name (as `normalizeHost` gives it), 1 to 16 of them, in the order the name server gave.
   * Rejects with StreamError: nameNotFound, timedOut, networkFailure (name servers fail or are unreachable),
   * resourceExceeded (too many names wait) or cancelled.
   */
  resolve(name: string, signal: CancelSignal): Promise<readonly string[]>;
}

export interface DnsResolverOptions {
  /** Most that one caller waits, the time in the queue included. */
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
  /** Asked before each query. Without it the system's name servers are asked, from any address. May throw StreamError. */
  readonly route?: () => DnsRoute;
  readonly hostsPath?: string;
}

/** Which name servers are asked, and from where. */
export interface DnsRoute {
  /** As `address` or `address:port`. */
  readonly servers: readonly string[];
  /** The address of this machine to ask from; any where absent. */
  readonly localAddress?: string;
  /** Asks the servers in place of c-ares, which is used where this is absent. */
  readonly over?: DnsTransport;
}

/** A way to name servers that c-ares lacks. */
export interface DnsTransport {
  /** Two with the same name lead the same way. */
  readonly name: string;
  open(servers: readonly string[], tries: DnsTries): DnsChannel;
}

/** How patiently name servers are asked. */
export interface DnsTries {
  /** How long one server may take in the first round; doubled with each round. */
  readonly firstTryMs: number;
  /** Rounds over the servers. */
  readonly tries: number;
}

/** One address that a name server told, with its time to live in seconds. */
export interface DnsRecord {
  readonly address: string;
  readonly ttl: number;
}

/** Asks name servers for the addresses of one family; rejects with an error that has one of c-ares' codes. */
export interface DnsChannel {
  resolve4(name: string, options: { ttl: true }): Promise<readonly DnsRecord[]>;
  resolve6(name: string, options: { ttl: true }): Promise<readonly DnsRecord[]>;
}

/**
 * Resolves through the hosts file, then DNS, by c-ares (`dns.Resolver`) and not by `dns.lookup`: getaddrinfo(3)
 * occupies a thread of libuv's pool, and Node lets it use two. So two names with a dead name server would hold up every
 * other open for seconds. c-ares waits without threads and tells times to live. The price is that there are no search domains (a client means
 * its name as it stands) and no other NSS modules; the hosts file is read here.
 *
 * Callers that want the same name at the same time share one query; answers are kept for their time to live,
 * a minute at most.
 */
export class DnsResolver implements OriginResolver {
  readonly #options: DnsResolverOptions;
  readonly #hosts: HostsFile;
  readonly #cache = new Map<string, { readonly answer: Answer; readonly expiresAtMs: number }>();
  readonly #underway = new Map<string, Promise<Answer>>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;
  #channel: DnsChannel | undefined;
  #channelSinceMs = 0;
  #route: DnsRoute | undefined;

  constructor(options: DnsResolverOptions) {
    this.#options = options;
    this.#hosts = new HostsFile(options.hostsPath ?? '/etc/hosts', options.clock);
  }

  resolve(name: string, signal: CancelSignal): Promise<readonly string[]> {
    return withinTime(this.#find(name), name, this.#options.timeoutMs, signal);
  }

  async #find(name: string): Promise<Answer> {
    const listed = await this.#hosts.lookup(name);
    if (listed.length > 0) return listed.slice(0, 2 * MAX_ADDRESSES_PER_FAMILY);
    if (isLocalhost(name)) return LOCALHOST_ADDRESSES;

    const cached = this.#cache.get(name);
    if (cached && cached.expiresAtMs > this.#options.clock()) return cached.answer;

    let query = this.#underway.get(name);
    if (!query) {
      query = this.#query(name).finally(() => this.#underway.delete(name));
      this.#underway.set(name, query);
    }
    return query;
  }

  async #query(name: string): Promise<Answer> {
    const channel = this.#currentChannel();
    await this.#acquire(name);
    const ipv4 = settle(channel.resolve4(name, { ttl: true }));
    const ipv6 = settle(channel.resolve6(name, { ttl: true }));
    const complete = Promise.all([ipv6, ipv4]);
    // The place becomes free when c-ares is done with both queries, even if an early answer was given or nobody waits.
    void complete.then((families) => {
      this.#release();
      this.#store(name, families);
    });
    return addressesOf(name, await Promise.race([complete, ipv4AfterDelay(ipv4)]));
  }

  #acquire(name: string): Promise<void> {
    if (this.#active < MAX_QUERIES) {
      this.#active++;
      return Promise.resolve();
    }
    if (this.#waiting.length >= MAX_WAITING) {
      const message = `${name} was not looked up: ${MAX_WAITING} names wait for the name servers already`;
      return Promise.reject(new StreamError('resourceExceeded', message));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place to the next in line, or gives it up. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#active--;
  }

  #store(name: string, families: readonly Family[]): void {
    const answer = answerOf(families);
    const ttlSeconds = Math.min(...families.flatMap(({ records }) => records.map(({ ttl }) => ttl)));
    if (answer.length === 0 || ttlSeconds <= 0) return;
    this.#cache.delete(name);
    const oldest = this.#cache.size >= MAX_CACHED ? this.#cache.keys().next().value : undefined;
    if (oldest !== undefined) this.#cache.delete(oldest);
    const expiresAtMs = this.#options.clock() + Math.min(ttlSeconds * 1000, MAX_CACHE_AGE_MS);
    this.#cache.set(name, { answer, expiresAtMs });
  }

  #currentChannel(): DnsChannel {
    const now = this.#options.clock();
    const route = this.#options.route?.();
    const isCurrent = now - this.#channelSinceMs < CHANNEL_AGE_MS && isSameRoute(route, this.#route);
    if (this.#channel && isCurrent) return this.#channel;
    this.#channel = channelBy(route);
    this.#route = route;
    this.#channelSinceMs = now;
    return this.#channel;
  }
}

/** RFC 6761 section 6.3: such names mean this machine, and are never asked of a name server. `name` in lower case. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}
export const LOCALHOST_ADDRESSES: readonly string[] = ['::1', '127.0.0.1'];

/** Names asked of the name servers at a time, two queries each; further ones wait. */
const MAX_QUERIES = 256;
/** Names that wait for a place; at the bound an open fails at once, which is better than after its timeout. */
const MAX_WAITING = 1024;
/** More would only be tried after all of these had failed, long past the connect timeout. */
const MAX_ADDRESSES_PER_FAMILY = 8;
const MAX_CACHED = 2048;
/** Short enough that a change at the origin is followed, long enough for the opens of one page. */
const MAX_CACHE_AGE_MS = 60_000;
/** c-ares reads resolv.conf only when it is set up, so it is set up again (25 us) to follow changes. */
const CHANNEL_AGE_MS = 60_000;
/** A lost datagram is asked again after this; c-ares doubles it with each try. */
const FIRST_TRY_MS = 1_000;
const TRIES = 3;
/** RFC 8305 section 3: how much later than the A answer the AAAA answer may come. */
const RESOLUTION_DELAY_MS = 50;

function isSameRoute(one: DnsRoute | undefined, other: DnsRoute | undefined): boolean {
  const way = (route: DnsRoute | undefined) => [route?.servers, route?.localAddress, route?.over?.name];
  return isDeepStrictEqual(way(one), way(other));
}

function channelBy(route: DnsRoute | undefined): DnsChannel {
  if (route?.over) return route.over.open(route.servers, { firstTryMs: FIRST_TRY_MS, tries: TRIES });
  const channel = new dns.Resolver({ timeout: FIRST_TRY_MS, tries: TRIES });
  if (route) channel.setServers(route.servers);
  if (route?.localAddress) channel.setLocalAddress(route.localAddress);
  return channel;
}

type Answer = readonly string[];

/** What the name servers said for one address family. */
interface Family {
  readonly records: readonly DnsRecord[];
  readonly errorCode?: string;
}

async function settle(query: Promise<readonly DnsRecord[]>): Promise<Family> {
  try {
    return { records: (await query).slice(0, MAX_ADDRESSES_PER_FAMILY) };
  } catch (error) {
    return { records: [], errorCode: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}

/** The IPv4 answer alone, for name servers that drop AAAA queries; never when there is none. */
async function ipv4AfterDelay(ipv4: Promise<Family>): Promise<readonly Family[]> {
  const family = await ipv4;
  return new Promise((resolve) => {
    if (family.records.length > 0) setTimeout(resolve, RESOLUTION_DELAY_MS, [family]);
  });
}

function answerOf(families: readonly Family[]): Answer {
  return families.flatMap(({ records }) => records.map(({ address }) => address));
}

function addressesOf(name: string, families: readonly Family[]): Answer {
  const answer = answerOf(families);
  if (answer.length > 0) return answer;
  const codes = families.map(({ errorCode }) => errorCode ?? dns.NODATA);
  throw new StreamError(failureOf(codes), `${name} could not be resolved: ${[...new Set(codes)].join(', ')}`);
}

function failureOf(codes: readonly string[]): ErrorName {
  // The name does not exist (NXDOMAIN), whatever became of the other query; or it has no address of either family.
  if (codes.includes(dns.NOTFOUND) || codes.every((code) => NO_ADDRESS.has(code))) return 'nameNotFound';
  return codes.includes(dns.TIMEOUT) ? 'timedOut' : 'networkFailure';
}

const NO_ADDRESS: ReadonlySet<string> = new Set([dns.NODATA, dns.BADNAME]);

/** One caller's wait for a shared answer: ends early without ending the query that others may share. */
function withinTime(
  answer: Promise<Answer>,
  name: string,
  timeoutMs: number,
  signal: CancelSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const finish = (how: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      how();
    };
    const onAbort = () =>
      finish(() => reject(new StreamError('cancelled', `the lookup of ${name} was given up`)));
    const timer = setTimeout(() => {
      finish(() => reject(new StreamError('timedOut', `${name} was not resolved within ${timeoutMs} ms`)));
    }, timeoutMs);
    answer.then(
      (addresses) => finish(() => resolve(addresses)),
      (error) => finish(() => reject(error)),
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
}
