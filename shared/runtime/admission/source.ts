import ipaddr from 'ipaddr.js';
import { parseAddress } from '../address/ip-address.ts';

/** Where a connection comes from, as two prefixes that stand for whoever has them. */
export interface Source {
  /** What one subscriber has: an IPv4 address, or a /64 of IPv6 (RFC 6177). */
  readonly host: string;
  /** What one site or a small provider has: a /24 of IPv4, a /48 of IPv6. */
  readonly network: string;
}

/** Stands for the address of whoever connects to a Unix socket. */
export const UNIX_CLIENT = 'unix';

/**
 * The source of an address in text form. An IPv4 address in IPv6 spelling (`::ffff:192.0.2.1`) is the same source as the IPv4
 * address: a dual-stack socket spells it so. The zone of a link-local address is left out. Anything else is a source of its own.
 */
export function sourceOf(address: string): Source {
  const dotted = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
  // The common case, several thousand times a second in a flood: without a parser.
  if (DOTTED.test(dotted)) return ipv4Source(dotted);
  const parsed = parseAddress(address.split('%', 1)[0]!);
  if (parsed === undefined) return { host: address, network: address };
  if (parsed instanceof ipaddr.IPv4) return ipv4Source(parsed.toString());
  if (parsed.isIPv4MappedAddress()) return ipv4Source(parsed.toIPv4Address().toString());
  const groups = parsed.parts.map((part) => part.toString(16));
  return { host: `${groups.slice(0, 4).join(':')}::/64`, network: `${groups.slice(0, 3).join(':')}::/48` };
}

const MAPPED = '::ffff:';
const DOTTED = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;

function ipv4Source(address: string): Source {
  return { host: address, network: `${address.slice(0, address.lastIndexOf('.'))}.0/24` };
}
