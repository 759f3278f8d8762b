import { endianness } from 'node:os';
import type { Destination } from '../../protocol/destination.ts';
import type { NativeSockets } from './native.ts';
import { takeForeign } from './original-destination.ts';
import { MAX_SOCKET_ADDRESS_BYTES, readSocketAddress, type SocketAddress } from './socket-address.ts';

/** A datagram that a TPROXY rule has led to this machine. */
export interface ForeignDatagram {
  /** Good until the next one is taken. */
  readonly payload: Uint8Array;
  readonly from: SocketAddress;
  /** Where it was sent to. */
  readonly to: Destination;
}

/**
 * A UDP socket that takes datagrams for any address, as TPROXY rules lead them to it, and is told where they were sent to
 * (IP_RECVORIGDSTADDR). The caller closes it. Throws `NativeSocketError`: EPERM without CAP_NET_ADMIN and CAP_NET_RAW.
 */
export function openForeign(native: NativeSockets, { host, port }: Destination, family: 4 | 6): number {
  const descriptor = native.openUdp(family);
  try {
    takeForeign(native, descriptor, family);
    const [level, option] = family === 4 ? [SOL_IP, IP_RECVORIGDSTADDR] : [SOL_IPV6, IPV6_RECVORIGDSTADDR];
    if (family === 6) native.setOption(descriptor, SOL_IPV6, IPV6_V6ONLY, ON);
    native.setOption(descriptor, level, option, ON);
    native.bind(descriptor, host, port);
    return descriptor;
  } catch (error) {
    native.close(descriptor);
    throw error;
  }
}

/** The next one; undefined where there is none. One whose destination is not told is passed over. */
export function takeForeignDatagram(
  native: NativeSockets,
  descriptor: number,
  family: 4 | 6,
): ForeignDatagram | undefined {
  for (;;) {
    control.fill(0);
    const length = native.takeDatagram(descriptor, payload, name, control);
    if (length === undefined) return undefined;
    // `struct cmsghdr` begins with its whole length, and the address is its end.
    const end = IS_LITTLE_ENDIAN ? control.readUInt32LE(0) : control.readUInt32BE(LOW_HALF_AT);
    const at = end - ADDRESS_BYTES[family];
    if (at <= 0 || end > control.length) continue;
    const { host, port } = readSocketAddress(family, control.subarray(at));
    return {
      payload: payload.subarray(0, length),
      from: readSocketAddress(family, name),
      to: { host, port },
    };
  }
}

// include/uapi/linux/in.h, in6.h
const SOL_IP = 0;
const SOL_IPV6 = 41;
const IP_RECVORIGDSTADDR = 20;
const IPV6_V6ONLY = 26;
const IPV6_RECVORIGDSTADDR = 74;
const ADDRESS_BYTES = { 4: 16, 6: MAX_SOCKET_ADDRESS_BYTES } as const;

const ON = new Uint8Array(Int32Array.of(1).buffer);

const IS_LITTLE_ENDIAN = endianness() === 'LE';
/** Of a length of 64 bits. */
const LOW_HALF_AT = 4;

// One for all sockets: what has come is treated before anything else can run.
const payload = new Uint8Array(65_536);
const name = Buffer.alloc(MAX_SOCKET_ADDRESS_BYTES);
const control = Buffer.alloc(64);
