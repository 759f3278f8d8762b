import { SocketAddress } from 'node:net';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { NativeSockets } from './native.ts';

/** What became of a datagram that a UDP socket has sent. */
export interface UdpError {
  /** Where it was sent, as the kernel writes addresses. */
  readonly address: string;
  readonly port: number;
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
  const name = Buffer.alloc(MAX_NAME_BYTES);
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
const AF_INET = 2;
const AF_INET6 = 10;

/** Enough for a burst to many destinations; the others are told by what is sent to them next. */
const MAX_TOLD = 256;
/** `struct sockaddr_in6` */
const MAX_NAME_BYTES = 28;
/** Of it only the first message is of interest: `struct cmsghdr`, which has two machine words, then `struct sock_extended_err`. */
const CONTROL_BYTES = 256;
const ERRNO_AT = 16;

const IS_LITTLE_ENDIAN = endianness() === 'LE';

function readError(name: Buffer, control: Buffer): UdpError | undefined {
  const errno = IS_LITTLE_ENDIAN ? control.readUInt32LE(ERRNO_AT) : control.readUInt32BE(ERRNO_AT);
  const family = IS_LITTLE_ENDIAN ? name.readUInt16LE(0) : name.readUInt16BE(0);
  const address = addressIn(name, family);
  if (errno === 0 || address === undefined) return undefined;
  return { address, port: name.readUInt16BE(2), code: getSystemErrorName(-errno) };
}

function addressIn(name: Buffer, family: number): string | undefined {
  if (family === AF_INET) return [...name.subarray(4, 8)].join('.');
  if (family !== AF_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => name.readUInt16BE(8 + 2 * i).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
