import { isIP } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';

/**
 * Whether the client dials its concentrator at a destination.
 *
 * @param addresses as configured
 * @param knownAddresses what a name was last known to stand for
 */
export function isConcentratorPlace(
  { host, port }: Destination,
  addresses: readonly Destination[],
  knownAddresses: (name: string) => readonly string[],
): boolean {
  return addresses.some((address) => {
    if (address.port !== port) return false;
    const hosts = isIP(address.host) === 0 ? knownAddresses(address.host) : [address.host];
    return hosts.some((one) => isSameHost(one, host));
  });
}
