import { isIP } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';

export interface RouteTargetsOptions {
  /** The concentrators' addresses as configured. */
  destinations(): readonly Destination[];
  /** What a name was last known to stand for. */
  known(name: string): readonly string[];
  /** Resolves a name, so that it is known then; what it rejects with says nothing here. */
  seek(name: string): Promise<unknown>;
  readonly clock: MonotonicClock;
}

/** Addresses that only a default route covers; nothing is ever sent there (RFC 5737, RFC 3849). */
export const ANYWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
/** Each is asked about for every interface. */
const MAX_TARGETS = 32;
/** How often a name that is not known is sought. */
const SEEK_EVERY_MS = 5_000;

/**
 * The addresses to which routes are sought. A name stands for the addresses it is known for, since there may be routes to just these,
 * and for an address that only a default route covers, since each uplink may find others.
 */
export function routeTargets(
  destinations: readonly Destination[],
  known: (name: string) => readonly string[],
): readonly Destination[] {
  const targets = destinations.flatMap(({ host, port }) => {
    const hosts = isIP(host) === 0 ? [ANYWHERE[4], ANYWHERE[6], ...[...known(host)].sort()] : [host];
    return hosts.map((one) => ({ host: one, port }));
  });
  const distinct = new Map(targets.map((target) => [target.host, target]));
  return [...distinct.values()].slice(0, MAX_TARGETS);
}

/** The addresses to which routes are sought, as names come to be known. */
export class RouteTargets {
  readonly #options: RouteTargetsOptions;
  #soughtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RouteTargetsOptions) {
    this.#options = options;
  }

  get all(): readonly Destination[] {
    const { destinations, known } = this.#options;
    return routeTargets(destinations(), known);
  }

  /** Resolves names that nobody has resolved yet: without an uplink nobody else does, and the way to one may be a route to it alone. */
  seekUnknown(): void {
    const { destinations, known, seek, clock } = this.#options;
    if (clock() - this.#soughtMs < SEEK_EVERY_MS) return;
    const unknown = destinations().filter(({ host }) => isIP(host) === 0 && known(host).length === 0);
    if (unknown.length === 0) return;
    this.#soughtMs = clock();
    for (const { host } of unknown) seek(host).catch(() => {});
  }
}
