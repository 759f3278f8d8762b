import { PassingSet } from '../../shared/protocol/passing-set.ts';
import { sourceOf } from '../../shared/runtime/admission/source.ts';
import { isThisMachine } from '../../shared/runtime/admission/this-machine.ts';

/** Of all connections. The others are for those that have made a request. */
const SHARE = 3 / 4;
/** With few connections in all, a browser may still open its dozens at once. */
const LEAST = 256;
/** Of the places for negotiations: what one address may have, and one of this machine's own. */
const HOST_SHARE = 1 / 4;
const LOCAL_HOST_SHARE = 1 / 2;

/**
 * The connections that have made no request yet: a bounded number from each address (of IPv6, from each /64), and in all. At a
 * bound the oldest gives way, not the newest: an application takes milliseconds to negotiate, so the oldest are those that say
 * nothing.
 */
export class NegotiatingPlaces<Connection extends object> {
  readonly #total: number;
  /** All of them, the oldest first. */
  readonly #places = new PassingSet<Connection>();
  /** How to ask for the address of each. */
  readonly #addresses = new WeakMap<Connection, () => string>();
  /** Those whose address was not asked for yet: asking costs a system call, and few connections meet no bound. */
  readonly #unasked = new PassingSet<Connection>();
  readonly #hosts = new WeakMap<Connection, string>();
  readonly #byHost = new Map<string, PassingSet<Connection>>();

  /** @param maxConnections negotiating or in use */
  constructor(maxConnections: number) {
    this.#total = Math.max(LEAST, Math.ceil(maxConnections * SHARE));
  }

  /** The one that gives way first. */
  get oldest(): Connection | undefined {
    const [oldest] = this.#places;
    return oldest;
  }

  /**
   * Takes a place.
   *
   * @param addressOf asked at most once
   * @returns who gives way for it, and has none any more
   */
  enter(connection: Connection, addressOf: () => string): Connection | undefined {
    this.#places.add(connection);
    this.#addresses.set(connection, addressOf);
    this.#unasked.add(connection);
    if (this.#places.size <= Math.ceil(this.#total * HOST_SHARE)) return undefined;
    const leaving = this.#superfluous(connection);
    if (leaving !== undefined) this.leave(leaving);
    return leaving;
  }

  /** Gives the place back, if there is one. */
  leave(connection: Connection): void {
    this.#places.delete(connection);
    this.#unasked.delete(connection);
    this.#addresses.delete(connection);
    const host = this.#hosts.get(connection);
    if (host === undefined) return;
    this.#hosts.delete(connection);
    const own = this.#byHost.get(host);
    own?.delete(connection);
    if (own?.size === 0) this.#byHost.delete(host);
  }

  /** Who has to leave now that the newest has come. */
  #superfluous(newest: Connection): Connection | undefined {
    for (const connection of this.#unasked) this.#count(connection);
    const host = this.#hosts.get(newest)!;
    const own = this.#byHost.get(host)!;
    const most = Math.ceil(this.#total * (isThisMachine({ host }) ? LOCAL_HOST_SHARE : HOST_SHARE));
    const [oldestOfHost] = own.size > most ? own : [];
    return oldestOfHost ?? (this.#places.size > this.#total ? this.oldest : undefined);
  }

  #count(connection: Connection): void {
    this.#unasked.delete(connection);
    const { host } = sourceOf(this.#addresses.get(connection)!());
    this.#hosts.set(connection, host);
    const own = this.#byHost.get(host) ?? new PassingSet();
    own.add(connection);
    this.#byHost.set(host, own);
  }
}
