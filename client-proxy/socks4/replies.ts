import { isIPv4 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';

/** The reply codes of SOCKS4; it has none that would say more about a failure. */
export const SOCKS4_REPLY = {
  granted: 0x5a,
  failed: 0x5b,
  /** Refused because of the user; the other code for that (0x5c) speaks of identd, which nobody asks here. */
  refusedUser: 0x5d,
} as const;

type Socks4Reply = (typeof SOCKS4_REPLY)[keyof typeof SOCKS4_REPLY];

/**
 * A reply of SOCKS4:
 *
 *     +----+----+---------+--------+
 *     | VN | CD | DSTPORT | DSTIP  |
 *     +----+----+---------+--------+
 *     | 0  | 1  |    2    |   4    |
 *     +----+----+---------+--------+
 *
 * `bound` is the address that the origin sees, where it is known; there is room for IPv4 only.
 */
export function encodeSocks4Reply(reply: Socks4Reply, bound?: Destination): Uint8Array {
  if (bound === undefined || !isIPv4(bound.host)) return Uint8Array.of(0, reply, 0, 0, 0, 0, 0, 0);
  const address = bound.host.split('.').map(Number);
  return Uint8Array.of(0, reply, bound.port >> 8, bound.port & 0xff, ...address);
}

/** The reply to a CONNECT that is, or is promised to be, established. */
export function encodeSuccessReply(bound?: Destination): Uint8Array {
  return encodeSocks4Reply(SOCKS4_REPLY.granted, bound);
}

/** The reply to one that is not, whatever the reason. */
export function encodeErrorReply(_error: ErrorName): Uint8Array {
  return encodeSocks4Reply(SOCKS4_REPLY.failed);
}
