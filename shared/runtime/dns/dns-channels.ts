import { promises as dns } from 'node:dns';
import { isDeepStrictEqual } from 'node:util';
import type { MonotonicClock } from '../clock.ts';

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
  /** Gives up what is asked now. The channel can be used again. */
  cancel(): void;
}

interface OpenChannel {
  readonly channel: DnsChannel;
  readonly route: DnsRoute | undefined;
  readonly sinceMs: number;
}

/**
 * Channels to the name servers, one for each name that is looked up: c-ares can give up a channel, but not a single query. They
 * are used again, the last one first, since c-ares remembers in each which servers do not answer.
 */
export class DnsChannels {
  readonly #clock: MonotonicClock;
  readonly #route: () => DnsRoute | undefined;
  readonly #idle: OpenChannel[] = [];

  constructor(clock: MonotonicClock, route: () => DnsRoute | undefined) {
    this.#clock = clock;
    this.#route = route;
  }

  /** A channel that nobody uses. @throws what the route throws */
  take(): OpenChannel {
    const nowMs = this.#clock();
    const route = this.#route();
    for (let open = this.#idle.pop(); open !== undefined; open = this.#idle.pop()) {
      if (nowMs - open.sinceMs < CHANNEL_AGE_MS && isSameRoute(route, open.route)) return open;
    }
    return { channel: channelBy(route), route, sinceMs: nowMs };
  }

  /** Nobody asks anything through it any more. */
  giveBack(open: OpenChannel): void {
    if (this.#idle.length < MAX_IDLE) this.#idle.push(open);
  }
}

/**
 * As many as there are names at a time: each has to learn by itself which servers do not answer, which takes a second. One has
 * 10 KB and no socket.
 */
const MAX_IDLE = 256;
/** c-ares reads resolv.conf only when it is set up, so it is set up again to follow changes. */
const CHANNEL_AGE_MS = 60_000;
/** A lost datagram is asked again after this; c-ares doubles it with each try. */
const FIRST_TRY_MS = 1_000;
const TRIES = 3;

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
