import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A parsed IPv4 or IPv6 address. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;
/** A network: its address and the length of its prefix in bits. */
export type Network = readonly [Address, number];

/** A range of addresses that is no ordinary destination on the Internet. */
export interface SpecialRange {
  readonly cidr: string;
  readonly name: string;
}

/**
 * Reads an address in its strict text form; undefined for anything else.
 * A zone (`fe80::1%eth0`) is refused: it picks an interface of this machine, which is no business of a client.
 */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) === 4) return ipaddr.IPv4.parse(text);
  // ipaddr.js reads `::192.0.2.1` as `::ffff:192.0.2.1`, the kernel does not: a dotted tail is turned into groups here.
  return isIP(text) === 6 && !text.includes('%')
    ? ipaddr.IPv6.parse(text.replace(DOTTED_TAIL, groupsOfDotted))
    : undefined;
}

/** Whether the address lies in the network; an IPv4 address is never in an IPv6 network, nor the reverse. */
export function isInNetwork(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

/**
 * The special range an address lies in by itself, whatever IPv4 address it may carry inside
 * (see `embeddedIpv4`); undefined for a global unicast address.
 *
 * Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), the IANA IPv6
 * Address Space registry (global unicast is 2000::/3 alone), and the clouds' metadata addresses.
 */
export function specialRange(address: Address): SpecialRange | undefined {
  if (carrierOf(address)) return undefined;
  for (const { network, range } of address.kind() === 'ipv4' ? IPV4_RANGES : IPV6_RANGES) {
    if (isInNetwork(address, network)) return range;
  }
  if (address.kind() === 'ipv4' || isInNetwork(address, GLOBAL_UNICAST_IPV6)) return undefined;
  return { cidr: '::/0', name: 'outside global unicast 2000::/3' };
}

/**
 * The IPv4 addresses that packets to this IPv6 address would end at: the one inside an IPv4-mapped
 * (RFC 4291 section 2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056) or Teredo (RFC 4380) address, where Teredo has
 * two, its server's and its client's. Empty for every other address.
 */
export function embeddedIpv4(address: Address): readonly Address[] {
  return carrierOf(address)?.inside(address.toByteArray()).map(ipv4FromBytes) ?? [];
}

const DOTTED_TAIL = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/;

function groupsOfDotted(_: string, ...octets: string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** Most specific first: the first range that matches names the reason. */
const IPV4_RANGES = compile({
  '0.0.0.0/32': 'unspecified',
  '0.0.0.0/8': 'this network', // RFC 791 section 3.2
  '10.0.0.0/8': 'private', // RFC 1918
  '100.64.0.0/10': 'carrier-grade NAT', // RFC 6598; 100.100.100.200 is Alibaba's metadata service
  '127.0.0.0/8': 'loopback', // RFC 1122
  '168.63.129.16/32': 'cloud metadata', // Azure's WireServer, in the middle of public space
  '169.254.169.254/32': 'cloud metadata', // AWS, Google, Azure, DigitalOcean, Hetzner and others
  '169.254.0.0/16': 'link-local', // RFC 3927
  '172.16.0.0/12': 'private', // RFC 1918
  '192.0.0.0/24': 'IETF protocol assignments', // RFC 6890; 192.0.0.192 is Oracle's metadata service
  '192.0.2.0/24': 'documentation', // RFC 5737
  '192.88.99.0/24': '6to4 relay anycast', // RFC 7526
  '192.168.0.0/16': 'private', // RFC 1918
  '198.18.0.0/15': 'benchmarking', // RFC 2544
  '198.51.100.0/24': 'documentation', // RFC 5737
  '203.0.113.0/24': 'documentation', // RFC 5737
  '224.0.0.0/4': 'multicast', // RFC 5771
  '255.255.255.255/32': 'broadcast', // RFC 919
  '240.0.0.0/4': 'reserved', // RFC 1112
});

const IPV6_RANGES = compile({
  '::/128': 'unspecified', // RFC 4291
  '::1/128': 'loopback', // RFC 4291
  '::/96': 'IPv4-compatible', // RFC 4291, deprecated
  '::ffff:0:0:0/96': 'IPv4-translated', // RFC 2765
  // The operator of the translator chooses the length of the prefix, so where the IPv4 address is cannot be known.
  '64:ff9b:1::/48': 'local-use NAT64', // RFC 8215
  '100::/64': 'discard-only', // RFC 6666
  '100:0:0:1::/64': 'dummy prefix', // RFC 9780
  '2001:2::/48': 'benchmarking', // RFC 5180
  '2001::/23': 'IETF protocol assignments', // RFC 2928; ORCHID, drone tags, port control anycast
  '2001:db8::/32': 'documentation', // RFC 3849
  '3fff::/20': 'documentation', // RFC 9637
  '5f00::/16': 'segment routing', // RFC 9602
  'fd00:ec2::254/128': 'cloud metadata', // AWS
  'fd20:ce::254/128': 'cloud metadata', // Google
  'fc00::/7': 'unique local', // RFC 4193
  'fe80::/10': 'link-local', // RFC 4291
  'fec0::/10': 'site-local', // RFC 3879
  'ff00::/8': 'multicast', // RFC 4291
});

const GLOBAL_UNICAST_IPV6: Network = ipaddr.parseCIDR('2000::/3');

interface Carrier {
  readonly network: Network;
  /** The IPv4 addresses within the 16 bytes. */
  readonly inside: (bytes: readonly number[]) => (readonly number[])[];
}

const CARRIERS: readonly Carrier[] = [
  { network: ipaddr.parseCIDR('::ffff:0:0/96'), inside: (bytes) => [bytes.slice(12)] },
  { network: ipaddr.parseCIDR('64:ff9b::/96'), inside: (bytes) => [bytes.slice(12)] },
  { network: ipaddr.parseCIDR('2002::/16'), inside: (bytes) => [bytes.slice(2, 6)] },
  {
    network: ipaddr.parseCIDR('2001::/32'),
    // RFC 4380 section 4: the client's address is stored with every bit inverted.
    inside: (bytes) => [bytes.slice(4, 8), bytes.slice(12).map((byte) => byte ^ 0xff)],
  },
];

function carrierOf(address: Address): Carrier | undefined {
  return address.kind() === 'ipv6'
    ? CARRIERS.find(({ network }) => isInNetwork(address, network))
    : undefined;
}

function ipv4FromBytes(bytes: readonly number[]): Address {
  return new ipaddr.IPv4([...bytes]);
}

function compile(ranges: Record<string, string>): { network: Network; range: SpecialRange }[] {
  return Object.entries(ranges).map(([cidr, name]) => ({
    network: ipaddr.parseCIDR(cidr),
    range: { cidr, name },
  }));
}
