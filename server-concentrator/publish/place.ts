import ipaddr from 'ipaddr.js';
import { type Address, isSameAddress, parseAddress } from '../../shared/runtime/address/ip-address.ts';

/** Where the concentrator listens for a client: `host` is one of its addresses, or `ALL`. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** The host of a place that stands for all addresses of the machine. */
export const ALL = '*';

/** Whether one of them listens where the other does, however their addresses are written. */
export function overlaps(one: Place, other: Place): boolean {
  return one.port === other.port && (one.host === other.host || hostsOverlap(one.host, other.host));
}

function hostsOverlap(...hosts: readonly [string, string]): boolean {
  const [one, other] = [addressOf(hosts[0]), addressOf(hosts[1])];
  if (isAll(one) || isAll(other)) return true;
  if (one === undefined || other === undefined || one.kind() !== other.kind()) return false;
  return isUnspecified(one) || isUnspecified(other) || isSameAddress(one, other);
}

/** As the kernel takes it: a socket at `::` takes IPv4, too, and IPv4 may be written as IPv6. */
function addressOf(host: string): Address | undefined {
  const address = parseAddress(host === ALL ? '::' : host);
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress();
  return isMapped ? address.toIPv4Address() : address;
}

function isAll(address: Address | undefined): boolean {
  return address?.kind() === 'ipv6' && isUnspecified(address);
}

function isUnspecified(address: Address): boolean {
  return address.toByteArray().every((byte) => byte === 0);
}
