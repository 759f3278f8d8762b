import { isIP, type Socket } from 'node:net';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { setMaxSegment } from '../../shared/runtime/kernel/socket-options.ts';

/** IPv4 or IPv6 header, and TCP's without options. */
const HEADER_BYTES = { 4: 40, 6: 60 } as const;

/** A limit for the packets of one connection, both ways; the connection is about to be made to this address. */
export interface PacketLimit {
  readonly host: string;
  /** IP packets, headers included; as the path allows where absent. */
  readonly packetBytes?: number | undefined;
  readonly native?: NativeSockets | undefined;
}

/** Whether packets on the way to this address can be limited at all: what connects to a name connects too late. */
export function canLimitPackets({ host, native }: PacketLimit): boolean {
  return native !== undefined && isIP(host) !== 0;
}

/** A descriptor of a socket that is not connected yet. */
export interface OverDescriptor {
  readonly fd: number;
}

/** A new socket with the limit, over a descriptor where there is one, to be connected in the same turn of the event loop. */
export function sizedSocket(
  limit: PacketLimit,
  newSocket: (over?: OverDescriptor) => Socket,
  over?: OverDescriptor,
): Socket {
  const { host, packetBytes, native } = limit;
  if (packetBytes === undefined || native === undefined || !canLimitPackets(limit)) return newSocket(over);
  const segmentBytes = packetBytes - HEADER_BYTES[familyOf(host)];
  if (over !== undefined) {
    setMaxSegment(native, over.fd, segmentBytes);
    return newSocket(over);
  }
  const fd = native.openTcp(familyOf(host));
  try {
    setMaxSegment(native, fd, segmentBytes);
    return newSocket({ fd });
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function familyOf(host: string): 4 | 6 {
  return isIP(host) === 6 ? 6 : 4;
}
