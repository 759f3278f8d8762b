import type { Destination } from '../../shared/protocol/destination.ts';
import type { ProvenFamilies } from './proven-families.ts';

/**
 * When a request for a connection is answered with success before the concentrator has reached the origin: for these ports,
 * always, or never. It saves the application a round trip over the uplinks; the price is that a failed
 * connection shows as a closed one instead of as an error that the protocol has.
 */
export type OptimisticReplyPolicy = { readonly ports: readonly number[] } | 'always' | 'never';

/**
 * HTTP and HTTPS: there the client speaks first, so its first bytes travel with the open, and a browser shows
 * a closed connection as well as a refused one.
 */
export const DEFAULT_OPTIMISTIC_REPLY: OptimisticReplyPolicy = { ports: [80, 443] };

/** Whether to answer success for `destination` at once. An address may have to wait for its family, unless it is to be `always`. */
export function repliesOptimistically(
  policy: OptimisticReplyPolicy,
  { host, port }: Destination,
  families: Pick<ProvenFamilies, 'mayPromise'>,
): boolean {
  if (policy === 'always') return true;
  if (policy === 'never') return false;
  return policy.ports.includes(port) && families.mayPromise(host);
}
