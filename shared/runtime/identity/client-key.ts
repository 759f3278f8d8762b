import { randomBytes } from 'node:crypto';

/** Bytes of a client's key: as long as the output of SHA-256, the least that RFC 2104 section 3 advises for HMAC. */
const CLIENT_KEY_BYTES = 32;

/** What `parseClientKey` accepts, in words. */
export const CLIENT_KEY_FORMAT = 'a key: 32 bytes in base64url without padding (43 characters)';

/** A new key from the system's random source. */
export function generateClientKey(): Uint8Array {
  return randomBytes(CLIENT_KEY_BYTES);
}

/** The key as 43 characters of base64url. */
export function formatClientKey(key: Uint8Array): string {
  return Buffer.from(key).toString('base64url');
}

/** The 32 bytes of a key, or undefined when the text is not one (a cut or altered key is not one). */
export function parseClientKey(text: string): Uint8Array | undefined {
  const key = Buffer.from(text, 'base64url');
  return key.length === CLIENT_KEY_BYTES && key.toString('base64url') === text ? key : undefined;
}
