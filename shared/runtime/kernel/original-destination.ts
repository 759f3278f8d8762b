import ipaddr from 'ipaddr.js';
import type { Destination } from '../../protocol/destination.ts';
import type { NativeSockets } from './native.ts';

/**
 * Where an accepted connection was meant to go before the packet filter redirected it to this socket (SO_ORIGINAL_DST). For one
 * that was not redirected it is the socket's own address. Undefined where the kernel does not track connections.
 *
 * @param family of the socket; one of IPv6 that also takes IPv4 has none for these
 */
export function readOriginalDestination(
  native: NativeSockets,
  descriptor: number,
  family: 4 | 6,
): Destination | undefined {
  try {
    native.getOption(descriptor, family === 4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, bytes);
  } catch {
    return undefined;
  }
  // struct sockaddr_in or sockaddr_in6: the port is in network order, at the same place in both.
  const host = family === 4 ? bytes.subarray(4, 8).join('.') : ipv6Text(bytes.subarray(8, 24));
  return { host, port: bytes[2]! * 256 + bytes[3]! };
}

/**
 * Lets a listening socket take connections and datagrams to addresses that are not this machine's, which a TPROXY rule leads to it (the
 * accepted socket then has the destination as its own address), and lets a socket be bound to such an address. Throws `NativeSocketError`: EPERM without CAP_NET_ADMIN and CAP_NET_RAW.
 */
export function takeForeign(native: NativeSockets, descriptor: number, family: 4 | 6): void {
  const [level, option] = family === 4 ? [SOL_IP, IP_TRANSPARENT] : [SOL_IPV6, IPV6_TRANSPARENT];
  native.setOption(descriptor, level, option, new Uint8Array(Int32Array.of(1).buffer));
}

// include/uapi/linux/in.h, in6.h, netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h
const SOL_IP = 0;
const SOL_IPV6 = 41;
const SO_ORIGINAL_DST = 80;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;
const SOCKADDR_IN6_BYTES = 28;

// Asked once for each connection, and read before anything else can run.
const bytes = new Uint8Array(SOCKADDR_IN6_BYTES);

function ipv6Text(address: Uint8Array): string {
  return (ipaddr.fromByteArray([...address]) as ipaddr.IPv6).toRFC5952String();
}
