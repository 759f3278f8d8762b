import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Destination } from '../../protocol/destination.ts';
import type { NativeSockets } from './native.ts';
import { AF_INET, AF_INET6, MAX_SOCKET_ADDRESS_BYTES, readSocketAddress } from './socket-address.ts';

/** What became of a datagram that a UDP socket has sent to this destination. */
export interface UdpError extends Destination {
  /** `ECONNREFUSED`: nobody has that port. */
  readonly code: string;
}

/**
 * Has the kernel keep what ICMP says of a socket's datagrams (IP_RECVERR, ip(7)), also where the socket has no peer. While something is
 * kept, the process is woken up for the socket, so all of it must be taken. The next call for the socket fails with such an error, whatever it
 * is about. Throws `NativeSocketError`.
 */
export function reportUdpErrors(native: NativeSockets, descriptor: number, family: 4 | 6): void {
  const [level, option] = family === 4 ? [SOL_IP, IP_RECVERR] : [SOL_IPV6, IPV6_RECVERR];
  native.setOption(descriptor, level, option, new Uint8Array(Int32Array.of(1).buffer));
}

/** Takes what the kernel keeps; of many the first are told. */
export function takeUdpErrors(native: NativeSockets, descriptor: number): readonly UdpError[] {
  const errors: UdpError[] = [];
  const name = Buffer.alloc(MAX_SOCKET_ADDRESS_BYTES);
  const control = Buffer.alloc(CONTROL_BYTES);
  // The kernel keeps no more than the socket's buffer has room for.
  while (native.takeError(descriptor, name, control)) {
    const error = errors.length < MAX_TOLD ? readError(name, control) : undefined;
    if (error !== undefined) errors.push(error);
    name.fill(0);
    control.fill(0);
  }
  return errors;
}

// include/uapi/linux/in.h, in6.h
const SOL_IP = 0;
const SOL_IPV6 = 41;
const IP_RECVERR = 11;
const IPV6_RECVERR = 25;

/** Enough for a burst to many destinations; the others are told by what is sent to them next. */
const MAX_TOLD = 256;
/** Of it only the first message is of interest: `struct cmsghdr`, which has two machine words, then `struct sock_extended_err`. */
const CONTROL_BYTES = 256;
const ERRNO_AT = 16;

const IS_LITTLE_ENDIAN = endianness() === 'LE';

function readError(name: Buffer, control: Buffer): UdpError | undefined {
  const errno = IS_LITTLE_ENDIAN ? control.readUInt32LE(ERRNO_AT) : control.readUInt32BE(ERRNO_AT);
  const family = FAMILIES.get(IS_LITTLE_ENDIAN ? name.readUInt16LE(0) : name.readUInt16BE(0));
  if (errno === 0 || family === undefined) return undefined;
  const { host, port } = readSocketAddress(family, name);
  return { host, port, code: getSystemErrorName(-errno) };
}

const FAMILIES: ReadonlyMap<number, 4 | 6> = new Map([
  [AF_INET, 4],
  [AF_INET6, 6],
]);
