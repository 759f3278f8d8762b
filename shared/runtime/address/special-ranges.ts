import ipaddr from 'ipaddr.js';
import { type Address, isInNetwork, type Network, parseAddress } from './ip-address.ts';
import { ipv4BytesInside, type Nat64Prefix } from './nat64.ts';

/** A range of addresses that are not ordinary destinations on the Internet. */
export interface SpecialRange {
  readonly cidr: string;
  readonly name: string;
  readonly scope: AddressScope;
}

/**
 * Whom the addresses of a special range lead to: nobody in particular (`unspecified`), this machine, the same link, several
 * machines at once (`group`), a network that is not the Internet (`site`), a purpose of its own (`assigned`), or nobody.
 */
export type AddressScope = 'unspecified' | 'loopback' | 'link' | 'group' | 'site' | 'assigned' | 'unassigned';

/** One of the addresses that packets to an address end at, and the special range that it lies in. */
export interface JudgedAddress {
  readonly address: Address;
  /** Absent: a global unicast address. */
  readonly special?: SpecialRange;
}

/**
 * Judges the address, and each IPv4 address that it carries inside (see `embeddedIpv4`). The address itself comes first; a
 * caller that permits addresses must check all of them. Returns undefined if the text is not an IP address, or has a zone.
 *
 * @param nat64 the prefixes of the translators that are known here
 */
export function judgeAddress(
  text: string,
  nat64: readonly Nat64Prefix[] = [],
): readonly JudgedAddress[] | undefined {
  const address = parseAddress(text);
  return address && [address, ...embeddedIpv4(address, nat64)].map((one) => judged(one, nat64));
}

/**
 * The address, and each IPv4 address that packets to it may end at, for rules that must hold however an address is written. More
 * than what it carries for sure (see `judgeAddress`): local-use NAT64 (RFC 8215) has the IPv4 address at one of four places
 * (RFC 6052 section 2.2), which the operator of the translator has chosen, and two formats are deprecated.
 */
export function addressForms(address: Address, nat64: readonly Nat64Prefix[] = []): readonly Address[] {
  const bytes = address.toByteArray();
  const possible = POSSIBLE_CARRIERS.filter(({ network }) => isInNetwork(address, network));
  return [
    address,
    ...embeddedIpv4(address, nat64),
    ...possible.flatMap(({ inside }) => inside(bytes).map(ipv4FromBytes)),
  ];
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  return address !== undefined && specialRange(address)?.scope === 'loopback';
}

function judged(address: Address, nat64: readonly Nat64Prefix[]): JudgedAddress {
  const special = isLocalTranslator(address, nat64) ? undefined : specialRange(address);
  return special === undefined ? { address } : { address, special };
}

/**
 * The special range an address lies in by itself, whatever IPv4 address it may carry inside
 * (see `embeddedIpv4`); undefined for a global unicast address.
 *
 * Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), the IANA IPv6
 * Address Space registry (global unicast is 2000::/3 alone), and the clouds' metadata addresses.
 */
function specialRange(address: Address): SpecialRange | undefined {
  if (carrierOf(address)) return undefined;
  for (const { network, range } of address.kind() === 'ipv4' ? IPV4_RANGES : IPV6_RANGES) {
    if (isInNetwork(address, network)) return range;
  }
  if (address.kind() === 'ipv4' || isInNetwork(address, GLOBAL_UNICAST_IPV6)) return undefined;
  return { cidr: '::/0', name: 'outside global unicast 2000::/3', scope: 'unassigned' };
}

/**
 * The IPv4 addresses that packets to this IPv6 address would end at: the one inside an IPv4-mapped
 * (RFC 4291 section 2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056) or Teredo (RFC 4380) address, where Teredo has
 * two, its server's and its client's; and in one of a known translator. Empty for every other address.
 */
function embeddedIpv4(address: Address, nat64: readonly Nat64Prefix[]): readonly Address[] {
  const bytes = address.toByteArray();
  const carried = carrierOf(address)?.inside(bytes) ?? [];
  const translated = nat64.filter((prefix) => isInNetwork(address, prefix));
  return [...carried, ...translated.map(([, length]) => ipv4BytesInside(bytes, length))].map(ipv4FromBytes);
}

/**
 * Whether an address is that of a translator in the range that is set aside for them (RFC 8215): where the length of the prefix is known,
 * the IPv4 address inside says all. In other special ranges a prefix changes nothing: they are opened by the configuration alone.
 */
function isLocalTranslator(address: Address, nat64: readonly Nat64Prefix[]): boolean {
  return isInNetwork(address, LOCAL_USE_NAT64) && nat64.some((prefix) => isInNetwork(address, prefix));
}

/** Most specific first: the first range that matches names the reason. */
const IPV4_RANGES = compile([
  ['0.0.0.0/32', 'unspecified', 'unspecified'],
  ['0.0.0.0/8', 'this network', 'unspecified'], // RFC 791 section 3.2
  ['10.0.0.0/8', 'private', 'site'], // RFC 1918
  ['100.100.100.200/32', 'cloud metadata', 'link'], // Alibaba, in the middle of shared space
  ['100.64.0.0/10', 'carrier-grade NAT', 'site'], // RFC 6598
  ['127.0.0.0/8', 'loopback', 'loopback'], // RFC 1122
  ['168.63.129.16/32', 'cloud metadata', 'link'], // Azure's WireServer, in the middle of public space
  ['169.254.169.254/32', 'cloud metadata', 'link'], // AWS, Google, Azure, DigitalOcean, Hetzner and others
  ['169.254.0.0/16', 'link-local', 'link'], // RFC 3927
  ['172.16.0.0/12', 'private', 'site'], // RFC 1918
  ['192.0.0.192/32', 'cloud metadata', 'link'], // Oracle
  ['192.0.0.0/24', 'IETF protocol assignments', 'assigned'], // RFC 6890
  ['192.0.2.0/24', 'documentation', 'assigned'], // RFC 5737
  ['192.88.99.0/24', '6to4 relay anycast', 'assigned'], // RFC 7526
  ['192.168.0.0/16', 'private', 'site'], // RFC 1918
  ['198.18.0.0/15', 'benchmarking', 'assigned'], // RFC 2544
  ['198.51.100.0/24', 'documentation', 'assigned'], // RFC 5737
  ['203.0.113.0/24', 'documentation', 'assigned'], // RFC 5737
  ['224.0.0.0/4', 'multicast', 'group'], // RFC 5771
  ['255.255.255.255/32', 'broadcast', 'group'], // RFC 919
  ['240.0.0.0/4', 'reserved', 'unassigned'], // RFC 1112
]);

const IPV6_RANGES = compile([
  ['::/128', 'unspecified', 'unspecified'], // RFC 4291
  ['::1/128', 'loopback', 'loopback'], // RFC 4291
  ['::/96', 'IPv4-compatible', 'unassigned'], // RFC 4291, deprecated
  ['::ffff:0:0:0/96', 'IPv4-translated', 'unassigned'], // RFC 2765
  // The operator of the translator chooses the length of the prefix, so where the IPv4 address is cannot be known.
  ['64:ff9b:1::/48', 'local-use NAT64', 'unassigned'], // RFC 8215
  ['100::/64', 'discard-only', 'unassigned'], // RFC 6666
  ['100:0:0:1::/64', 'dummy prefix', 'unassigned'], // RFC 9780
  ['2001:2::/48', 'benchmarking', 'assigned'], // RFC 5180
  ['2001::/23', 'IETF protocol assignments', 'assigned'], // RFC 2928; ORCHID, drone tags, port control anycast
  ['2001:db8::/32', 'documentation', 'assigned'], // RFC 3849
  ['3fff::/20', 'documentation', 'assigned'], // RFC 9637
  ['5f00::/16', 'segment routing', 'unassigned'], // RFC 9602
  ['fd00:ec2::/32', 'cloud metadata', 'link'], // AWS: metadata at ::254, credentials of containers at ::23
  ['fd00:c1::a9fe:a9fe/128', 'cloud metadata', 'link'], // Oracle
  ['fd00:42::42/128', 'cloud metadata', 'link'], // Scaleway
  ['fd00:a9fe:a9fe::/64', 'cloud metadata', 'link'], // Akamai
  ['fd20:ce::254/128', 'cloud metadata', 'link'], // Google
  ['fc00::/7', 'unique local', 'site'], // RFC 4193
  ['fe80::/10', 'link-local', 'link'], // RFC 4291
  ['fec0::/10', 'site-local', 'site'], // RFC 3879
  ['ff00::/8', 'multicast', 'group'], // RFC 4291
]);

const LOCAL_USE_NAT64: Network = ipaddr.parseCIDR('64:ff9b:1::/48');
const GLOBAL_UNICAST_IPV6: Network = ipaddr.parseCIDR('2000::/3');

interface Carrier {
  readonly network: Network;
  /** The IPv4 addresses within the 16 bytes. */
  readonly inside: (bytes: readonly number[]) => (readonly number[])[];
}

const CARRIERS: readonly Carrier[] = [
  { network: ipaddr.parseCIDR('::ffff:0:0/96'), inside: (bytes) => [bytes.slice(12)] },
  { network: ipaddr.parseCIDR('64:ff9b::/96'), inside: (bytes) => [ipv4BytesInside(bytes, 96)] },
  { network: ipaddr.parseCIDR('2002::/16'), inside: (bytes) => [bytes.slice(2, 6)] },
  {
    network: ipaddr.parseCIDR('2001::/32'),
    // RFC 4380 section 4: the client's address is stored with every bit inverted.
    inside: (bytes) => [bytes.slice(4, 8), bytes.slice(12).map((byte) => byte ^ 0xff)],
  },
];

/** What `addressForms` adds. */
const POSSIBLE_CARRIERS: readonly Carrier[] = [
  {
    network: LOCAL_USE_NAT64,
    inside: (bytes) => [48, 56, 64, 96].map((length) => ipv4BytesInside(bytes, length)),
  },
  // RFC 4291 section 2.5.5.1; `::` and `::1` are none of them.
  { network: ipaddr.parseCIDR('::/96'), inside: (bytes) => (isNearZero(bytes) ? [] : [bytes.slice(12)]) },
  { network: ipaddr.parseCIDR('::ffff:0:0:0/96'), inside: (bytes) => [bytes.slice(12)] }, // RFC 2765
];

function isNearZero(bytes: readonly number[]): boolean {
  return bytes.every((byte, i) => byte === 0 || (i === 15 && byte === 1));
}

function carrierOf(address: Address): Carrier | undefined {
  return address.kind() === 'ipv6'
    ? CARRIERS.find(({ network }) => isInNetwork(address, network))
    : undefined;
}

function ipv4FromBytes(bytes: readonly number[]): Address {
  return new ipaddr.IPv4([...bytes]);
}

function compile(
  ranges: readonly (readonly [cidr: string, name: string, scope: AddressScope])[],
): { network: Network; range: SpecialRange }[] {
  return ranges.map(([cidr, name, scope]) => ({
    network: ipaddr.parseCIDR(cidr),
    range: { cidr, name, scope },
  }));
}
