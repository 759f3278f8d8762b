import ipaddr from 'ipaddr.js';
import type { Address } from './ip-address.ts';

/**
 * A prefix whose addresses a translator (NAT64) turns into IPv4 addresses; its length says where in the 16 bytes the IPv4 address
 * stands (RFC 6052 section 2.2).
 */
export type Nat64Prefix = readonly [Address, number];

/** The name whose IPv6 addresses show the prefixes of a network, since it has none but what a name server makes up (RFC 7050). */
export const NAT64_NAME = 'ipv4only.arpa';

/** By length of the prefix: which of the 16 bytes are those of the IPv4 address. */
const IPV4_BYTES: Readonly<Record<number, readonly number[]>> = {
  32: [4, 5, 6, 7],
  40: [5, 6, 7, 9],
  48: [6, 7, 9, 10],
  56: [7, 9, 10, 11],
  64: [9, 10, 11, 12],
  96: [12, 13, 14, 15],
};
const LENGTHS: readonly number[] = Object.keys(IPV4_BYTES).map(Number);
/** Bits 64 to 71 are zero in all of them. */
const ZERO_BYTE = 8;
/** The IPv4 addresses of `NAT64_NAME` (RFC 7050 section 2.2). */
const WELL_KNOWN: ReadonlySet<string> = new Set(['192.0.0.170', '192.0.0.171']);
/** A network with more is not known. */
const MAX_PREFIXES = 4;

/** The prefixes that the IPv6 addresses of `NAT64_NAME` show, in their order. Addresses that show none are passed over. */
export function nat64Prefixes(addresses: readonly string[]): readonly Nat64Prefix[] {
  const shown = addresses.map((address) => prefixesShownBy(ipaddr.parse(address).toByteArray()));
  const keys = shown.flat().map(formatPrefix);
  // Where an address can be read in two ways, the other one decides.
  const best = shown.flatMap((candidates) =>
    [...candidates].sort((one, other) => count(keys, other) - count(keys, one)).slice(0, 1),
  );
  return [...new Map(best.map((prefix) => [formatPrefix(prefix), prefix])).values()].slice(0, MAX_PREFIXES);
}

/** The address by which an IPv4 address is reached behind a translator. */
export function translatedAddress([prefix, length]: Nat64Prefix, ipv4: string): string {
  const bytes = prefix.toByteArray();
  const inside = ipaddr.IPv4.parse(ipv4).toByteArray();
  for (const [index, at] of positions(length).entries()) bytes[at] = inside[index]!;
  return ipaddr.fromByteArray(bytes).toString();
}

/** The IPv4 address within the 16 bytes of an address of a prefix of this length. */
export function ipv4BytesInside(bytes: readonly number[], length: number): number[] {
  return positions(length).map((at) => bytes[at]!);
}

/** As CIDR. */
export function formatPrefix([address, length]: Nat64Prefix): string {
  return `${address.toString()}/${length}`;
}

function positions(length: number): readonly number[] {
  return IPV4_BYTES[length]!;
}

/** Longest first. */
function prefixesShownBy(bytes: readonly number[]): readonly Nat64Prefix[] {
  if (bytes.length !== 16 || bytes[ZERO_BYTE] !== 0) return [];
  return LENGTHS.filter((length) => WELL_KNOWN.has(ipv4BytesInside(bytes, length).join('.')))
    .map((length): Nat64Prefix => {
      const network = bytes.map((byte, at) => (at < length / 8 ? byte : 0));
      return [ipaddr.fromByteArray(network), length];
    })
    .reverse();
}

function count(keys: readonly string[], prefix: Nat64Prefix): number {
  const wanted = formatPrefix(prefix);
  return keys.filter((key) => key === wanted).length;
}
