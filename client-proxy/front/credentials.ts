import { createHash, timingSafeEqual } from 'node:crypto';
import { MisuseError } from '../../shared/protocol/errors.ts';

/** A user who may use the proxy. Name and password are 1 to 255 bytes of UTF-8 each (RFC 1929 section 2). */
export interface SocksUser {
  readonly name: string;
  readonly password: string;
}

/** Answers the name of the user whose credentials these are, or undefined. */
export type Authenticate = (name: Uint8Array, password: Uint8Array) => string | undefined;

/**
 * Checks RFC 1929 credentials against `users`, in a time that depends neither on which of them match nor on
 * whether the user exists: one digest over name and password is compared with that of every user.
 *
 * @throws MisuseError for a name or password that does not fit the 1 to 255 bytes of RFC 1929.
 */
export function createAuthenticator(users: readonly SocksUser[]): Authenticate {
  const known = users.map(({ name, password }) => ({
    name,
    digest: digestOf(fieldBytes(name, 'name'), fieldBytes(password, 'password')),
  }));
  return (name, password) => {
    const digest = digestOf(name, password);
    let found: string | undefined;
    for (const user of known) {
      if (timingSafeEqual(user.digest, digest)) found = user.name;
    }
    return found;
  };
}

function fieldBytes(text: string, what: 'name' | 'password'): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < 1 || bytes.length > 255) {
    throw new MisuseError(`A user's ${what} is 1 to 255 bytes of UTF-8; this one has ${bytes.length}.`);
  }
  return bytes;
}

/** The length in front keeps ("ab", "c") and ("a", "bc") apart. */
function digestOf(name: Uint8Array, password: Uint8Array): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(name.length)).update(name).update(password).digest();
}
