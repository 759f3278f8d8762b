import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { HandshakeCrypto } from '../../protocol/handshake/crypto.ts';

/** The handshake's hashes, random numbers and comparison (SPEC.md section 4), by node:crypto. */
export const nodeHandshakeCrypto: HandshakeCrypto = {
  hmacSha256: (key, message) => createHmac('sha256', key).update(message).digest(),
  randomBytes: (count) => randomBytes(count),
  // A mac's length is public, so to tell by it gives nothing away.
  constantTimeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
