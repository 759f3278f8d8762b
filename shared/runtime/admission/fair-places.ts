import type { MonotonicClock } from '../clock.ts';
import { Crowd } from './crowd.ts';
import type { Source } from './source.ts';

export interface FairPlacesOptions {
  readonly clock: MonotonicClock;
  /** Places in all. A stranger's host may have a quarter of them, a network half; proven hosts twice as much. */
  readonly total: number;
}

/** Who wants a place: his source, and whether it has proven itself lately. */
export interface Visitor {
  readonly source: Source;
  readonly isProven: boolean;
}

const HOST_SHARE = 1 / 4;
const NETWORK_SHARE = 1 / 2;
/** Several clients behind one address, each with several uplinks, may come back at once. */
const PROVEN_SCALE = 2;
/** All proven hosts together: some of them may be hostile, and a client at a new address is a stranger. */
const ALL_PROVEN_SHARE = 3 / 4;
/**
 * Within one host, the places that change hands in a second, as a share of all places. Each costs a socket. A client that shares
 * its address with a flood gets in the more often the more there are.
 */
const TURNOVER_SHARE = 1 / 4;
const PROVEN_TURNOVER_SHARE = 1;

/**
 * A bounded number of places for connections whose peers have not yet said who they are. At a bound somebody gives way:
 *
 * - a stranger before anybody whose host has proven itself, while these have up to three quarters of the places;
 * - the oldest of the network, and in it of the host, that has most, if that is more than the newcomer's has;
 * - otherwise the oldest of the newcomer's own host, or, where many of them gave way of late, the newcomer.
 *
 * So one source can fill the places, and yet any other gets in. What a call costs does not depend on how many there are.
 */
export class FairPlaces<Guest extends object> {
  readonly #options: FairPlacesOptions;
  readonly #strangers: Crowd<Guest>;
  readonly #proven: Crowd<Guest>;
  readonly #visitors = new Map<Guest, Visitor>();

  constructor(options: FairPlacesOptions) {
    this.#options = options;
    this.#strangers = new Crowd(Math.max(1, options.total * TURNOVER_SHARE));
    this.#proven = new Crowd(Math.max(1, options.total * PROVEN_TURNOVER_SHARE));
  }

  /** All that have a place. */
  get guests(): Iterable<Guest> {
    return this.#visitors.keys();
  }

  /** Takes a place. @returns who gives way for it and has none any more: another guest, or this one itself */
  enter(guest: Guest, visitor: Visitor): Guest | undefined {
    const leaving = this.#whoLeaves(guest, visitor);
    if (leaving === guest) return guest;
    this.#visitors.set(guest, visitor);
    this.#crowdOf(visitor).add(guest, visitor.source);
    // Only now: a host that has no guest for a moment would be forgotten, with its turnover.
    if (leaving !== undefined) this.leave(leaving);
    return leaving;
  }

  /** Gives the place back. */
  leave(guest: Guest): void {
    const visitor = this.#visitors.get(guest);
    if (visitor === undefined) return;
    this.#visitors.delete(guest);
    this.#crowdOf(visitor).remove(guest, visitor.source);
  }

  #whoLeaves(guest: Guest, visitor: Visitor): Guest | undefined {
    const { total, clock } = this.#options;
    const { source, isProven } = visitor;
    const crowd = this.#crowdOf(visitor);
    const scale = isProven ? PROVEN_SCALE : 1;
    const nowMs = clock();
    if (crowd.hostSize(source) >= Math.ceil(total * HOST_SHARE * scale)) {
      return crowd.inHost(source, nowMs) ?? guest;
    }
    if (crowd.networkSize(source) >= Math.ceil(total * NETWORK_SHARE * scale)) {
      return crowd.inNetwork(source, nowMs) ?? guest;
    }
    if (isProven && crowd.size >= Math.ceil(total * ALL_PROVEN_SHARE)) {
      return crowd.anywhere(source, nowMs) ?? guest;
    }
    if (this.#visitors.size < total) return undefined;
    if (isProven && this.#strangers.size > 0) return this.#strangers.oldestOfLargest;
    return crowd.anywhere(source, nowMs) ?? guest;
  }

  #crowdOf({ isProven }: Visitor): Crowd<Guest> {
    return isProven ? this.#proven : this.#strangers;
  }
}
