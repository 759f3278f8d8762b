import { sourceOf } from '../../shared/runtime/admission/source.ts';
import { isThisMachine } from './this-machine.ts';

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
  /** By connection, the oldest first. */
  readonly #hosts = new Map<Connection, string>();
  readonly #byHost = new Map<string, Set<Connection>>();

  /** @param maxConnections negotiating or in use */
  constructor(maxConnections: number) {
    this.#total = Math.max(LEAST, Math.ceil(maxConnections * SHARE));
  }

  /** The one that gives way first. */
  get oldest(): Connection | undefined {
    const [oldest] = this.#hosts.keys();
    return oldest;
  }

  /** Takes a place. @returns who gives way for it, and has none any more */
  enter(connection: Connection, address: string): Connection | undefined {
    const source = sourceOf(address);
    const own = this.#byHost.get(source.host) ?? new Set();
    const most = Math.ceil(this.#total * (isThisMachine(source) ? LOCAL_HOST_SHARE : HOST_SHARE));
    const [oldestOfHost] = own.size >= most ? own : [];
    const leaving = oldestOfHost ?? (this.#hosts.size >= this.#total ? this.oldest : undefined);
    if (leaving !== undefined) this.leave(leaving);
    this.#hosts.set(connection, source.host);
    this.#byHost.set(source.host, own.add(connection));
    return leaving;
  }

  /** Gives the place back, if there is one. */
  leave(connection: Connection): void {
    const host = this.#hosts.get(connection);
    if (host === undefined) return;
    this.#hosts.delete(connection);
    const own = this.#byHost.get(host);
    own?.delete(connection);
    if (own?.size === 0) this.#byHost.delete(host);
  }
}
