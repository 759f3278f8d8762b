import ipaddr from 'ipaddr.js';
import type { Destination } from '../../protocol/destination.ts';
import { parseAddress } from '../address/ip-address.ts';

/** Where UDP packets come from or go to. A socket gives the same object for the same address as long as it knows it. */
export interface SocketAddress extends Destination {
  readonly family: 4 | 6;
  /** `struct sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)). */
  readonly bytes: Uint8Array;
}

/** Of `struct sockaddr_in6`, the longer one. */
export const MAX_SOCKET_ADDRESS_BYTES = 28;

/** The address of a host by its IP address, without a zone; undefined where it is none. */
export function socketAddress(host: string, port: number): SocketAddress | undefined {
  const ip = parseAddress(host);
  if (ip === undefined) return undefined;
  const family = ip.kind() === 'ipv4' ? 4 : 6;
  return { host, port, family, bytes: socketAddressBytes(family, ip.toByteArray(), port) };
}

/** As the kernel wants it. @param ip 4 or 16 bytes */
export function socketAddressBytes(family: 4 | 6, ip: ArrayLike<number>, port: number): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 16 : MAX_SOCKET_ADDRESS_BYTES);
  // The family is in the machine's own byte order, the port in that of the network.
  new Uint16Array(bytes.buffer)[0] = family === 4 ? AF_INET : AF_INET6;
  bytes[2] = port >>> 8;
  bytes[3] = port & 0xff;
  bytes.set(ip, family === 4 ? 4 : 8);
  return bytes;
}

/** Reads what the kernel has written. */
export function readSocketAddress(family: 4 | 6, bytes: Uint8Array): SocketAddress {
  const port = bytes[2]! * 256 + bytes[3]!;
  const own = Uint8Array.from(
    family === 4 ? bytes.subarray(0, 16) : bytes.subarray(0, MAX_SOCKET_ADDRESS_BYTES),
  );
  const host =
    family === 4
      ? own.subarray(4, 8).join('.')
      : (ipaddr.fromByteArray([...own.subarray(8, 24)]) as ipaddr.IPv6).toRFC5952String();
  return { host, port, family, bytes: own };
}

// The same on every architecture that Node ships for Linux.
export const AF_INET = 2;
export const AF_INET6 = 10;
