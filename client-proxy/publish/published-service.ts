import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { ConfiguredPolicy } from '../steering/steering-rule.ts';

/** Where a published service is: an address or name with its port, or a Unix socket. */
export type ServiceAddress = Destination | { readonly path: string };

/** One entry of `publish`: a port of the concentrator that leads to a service here. */
export interface PublishedService {
  /** At the concentrator; `host` is one of its addresses, or `*` for all. */
  readonly listen: Destination;
  readonly to: ServiceAddress;
  /** The names of the concentrators that publish it; absent: all do. */
  readonly concentrators?: readonly string[];
  /** Tells the service who its visitor is. */
  readonly proxyProtocol?: 'v2';
  /** From where visitors may come, as networks in canonical text; empty: from everywhere. */
  readonly allow: readonly string[];
  /** Visitors at a time. */
  readonly maxConnections: number;
  /** How its connections are steered; absent: as `steering.default` says. */
  readonly policy?: ConfiguredPolicy;
}

/** `127.0.0.1:8443`, or `unix:/run/service.sock`, for people. */
export function serviceText(to: ServiceAddress): string {
  return 'path' in to ? `unix:${to.path}` : formatDestination(to);
}
