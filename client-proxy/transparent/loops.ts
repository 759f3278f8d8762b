import type { Destination } from '../../shared/protocol/destination.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';

/** Why a connection leads back to the client itself. */
export type Loop =
  /** It was made to the listener, not redirected to it. */
  | 'listener'
  /** It is one of the client's own, to its concentrator: the redirecting rules do not leave them out. */
  | 'concentrator'
  /** It is another one of the client's own: a direct connection, or one to the proxy of an uplink. */
  | 'own';

export interface LoopSource {
  /** Where the client listens for redirected connections. */
  readonly points: readonly Destination[];
  /** Of this machine. */
  ownAddresses(): readonly string[];
  /** Whether the client dials its concentrator there. */
  isConcentrator(destination: Destination): boolean;
  /** Whether it is the client itself that has made the connection from there. */
  isOwnConnection(source: Destination, destination: Destination): boolean;
}

/**
 * Whether serving a connection would only bring the next one like it. A connection to the concentrator from another machine is
 * none: a client there may have the same concentrator.
 *
 * @param from the connection's other end
 */
export function loopOf(
  destination: Destination,
  from: Destination,
  { points, ownAddresses, isConcentrator, isOwnConnection }: LoopSource,
): Loop | undefined {
  const isOwn = (host: string) => isLoopback(host) || ownAddresses().some((own) => isSameHost(own, host));
  if (points.some(({ port }) => port === destination.port) && isOwn(destination.host)) return 'listener';
  if (isConcentrator(destination) && isOwn(from.host)) return 'concentrator';
  return isOwnConnection(from, destination) ? 'own' : undefined;
}
