import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A parsed IPv4 or IPv6 address. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;
/** A network: its address and the length of its prefix in bits. */
export type Network = readonly [Address, number];

/**
 * Reads an address in its strict text form; undefined for anything else.
 * A zone (`fe80::1%eth0`) is refused: it names an interface of this machine, which a client must not choose.
 */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) === 4) return ipaddr.IPv4.parse(text);
  // ipaddr.js reads `::192.0.2.1` as `::ffff:192.0.2.1`; the kernel does not. So write a dotted tail as groups first.
  return isIP(text) === 6 && !text.includes('%')
    ? ipaddr.IPv6.parse(text.replace(DOTTED_TAIL, groupsOfDotted))
    : undefined;
}

/** Whether the address lies in the network; an IPv4 address is never in an IPv6 network, nor the reverse. */
export function isInNetwork(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

/** Whether both are the same address of the same family. */
export function isSameAddress(one: Address, other: Address): boolean {
  return one.toNormalizedString() === other.toNormalizedString();
}

/** Whether both texts stand for the same address (an IPv6 address has many texts). False if either is no address. */
export function isSameHost(one: string, other: string): boolean {
  const [first, second] = [parseAddress(one), parseAddress(other)];
  return first !== undefined && second !== undefined && isSameAddress(first, second);
}

/** The family of a text that stands for no address in particular, `0.0.0.0` or `::`; undefined for any other. */
export function familyOfUnspecified(host: string): 4 | 6 | undefined {
  const address = parseAddress(host);
  if (address?.toByteArray().some((byte) => byte !== 0) ?? true) return undefined;
  return address?.kind() === 'ipv4' ? 4 : 6;
}

const DOTTED_TAIL = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/;

function groupsOfDotted(_: string, ...octets: string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
