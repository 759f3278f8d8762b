import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, SOCKS_REPLY, type SocksReply, socksReplyFor } from '../../shared/protocol/errors.ts';
import { withAddressField } from './address-field.ts';

/** BND.ADDR and BND.PORT when nothing better is known, as most servers send them. */
const UNSPECIFIED: Destination = { host: '0.0.0.0', port: 0 };

/**
 * A reply of RFC 1928 section 6:
 *
 *     +----+-----+-------+------+----------+----------+
 *     |VER | REP |  RSV  | ATYP | BND.ADDR | BND.PORT |
 *     +----+-----+-------+------+----------+----------+
 *     | 1  |  1  | X'00' |  1   |  4 or 16 |    2     |
 *     +----+-----+-------+------+----------+----------+
 *
 * `bound` is the address that the origin sees, where it is known, or what was looked up: an address, or a name; to UDP ASSOCIATE,
 * where datagrams go.
 */
export function encodeReply(reply: SocksReply, bound: Destination = UNSPECIFIED): Buffer {
  return withAddressField([0x05, reply, 0x00], bound);
}

/** The reply that tells an application why its connection failed; see `socksReplyFor`. */
export function encodeErrorReply(error: ErrorName): Uint8Array {
  return encodeReply(socksReplyFor(error));
}

/** The reply to a CONNECT that is, or is promised to be, established. */
export function encodeSuccessReply(bound?: Destination): Uint8Array {
  return bound === undefined ? SUCCESS : encodeReply(SOCKS_REPLY.succeeded, bound);
}

/** Nearly all successes are this one. */
const SUCCESS = encodeReply(SOCKS_REPLY.succeeded);
