import type { MonotonicClock } from '../clock.ts';
import type { PerClient } from '../per-client.ts';
import type { Source } from './source.ts';

/** A client that was here within a day is likely to come back from there. */
const PROVEN_MS = 24 * 60 * 60 * 1_000;
/** The uplinks of one client, and the addresses that they had in a day. The least recent is forgotten. */
const MAX_HOSTS_PER_CLIENT = 32;

interface ProvenHost {
  untilMs: number;
  clients: number;
}

/**
 * The hosts from which clients have proven their keys lately. Bounded for each client, so that one with many addresses cannot
 * make the hosts of others be forgotten.
 */
export class ProvenSources implements PerClient {
  readonly #clock: MonotonicClock;
  /** The hosts of each client, the least recent first. */
  readonly #byClient = new Map<string, Set<string>>();
  readonly #hosts = new Map<string, ProvenHost>();

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  has({ host }: Source): boolean {
    const proven = this.#hosts.get(host);
    return proven !== undefined && this.#clock() < proven.untilMs;
  }

  /** A client has proven its key from there. */
  add(clientId: string, { host }: Source): void {
    let own = this.#byClient.get(clientId);
    if (own === undefined) {
      own = new Set();
      this.#byClient.set(clientId, own);
    }
    const proven = this.#hosts.get(host) ?? { untilMs: 0, clients: 0 };
    this.#hosts.set(host, proven);
    proven.untilMs = this.#clock() + PROVEN_MS;
    if (!own.delete(host)) proven.clients++;
    own.add(host);
    const [leastRecent] = own;
    if (own.size > MAX_HOSTS_PER_CLIENT && leastRecent !== undefined) this.#forget(own, leastRecent);
  }

  /** The list of clients is another one: nobody proves anything by the key of one that it does not have. */
  keepClients(isKnown: (clientId: string) => boolean): void {
    for (const [clientId, own] of this.#byClient) {
      if (isKnown(clientId)) continue;
      for (const host of own) this.#forget(own, host);
      this.#byClient.delete(clientId);
    }
  }

  #forget(own: Set<string>, host: string): void {
    own.delete(host);
    const proven = this.#hosts.get(host)!;
    proven.clients--;
    if (proven.clients === 0) this.#hosts.delete(host);
  }
}
