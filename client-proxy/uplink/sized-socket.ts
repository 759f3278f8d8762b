import { isIP, Socket } from 'node:net';
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

/** Sets the limit for a socket that is not connected yet. */
export function limitPackets(descriptor: number, { host, packetBytes, native }: PacketLimit): void {
  if (packetBytes === undefined || native === undefined) return;
  setMaxSegment(native, descriptor, packetBytes - HEADER_BYTES[familyOf(host)]);
}

/** A new socket with the limit, to be connected in the same turn of the event loop. */
export function sizedSocket(limit: PacketLimit): Socket {
  const { host, packetBytes, native } = limit;
  if (packetBytes === undefined || native === undefined || !canLimitPackets(limit)) return new Socket();
  const fd = native.openTcp(familyOf(host));
  try {
    limitPackets(fd, limit);
    return new Socket({ fd });
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function familyOf(host: string): 4 | 6 {
  return isIP(host) === 6 ? 6 : 4;
}
