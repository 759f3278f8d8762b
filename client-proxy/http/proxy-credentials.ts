import { valuesOf } from './requested-target.ts';

/** Name and password, not yet checked. */
export interface Credentials {
  readonly name: Uint8Array;
  readonly password: Uint8Array;
}

/**
 * The credentials of a request: Proxy-Authorization of the scheme Basic (RFC 7617 section 2). Undefined without any, or where
 * they are of another scheme or not in order.
 */
export function proxyCredentials(rawHeaders: readonly string[]): Credentials | undefined {
  const values = valuesOf(rawHeaders, 'proxy-authorization');
  const encoded = values.length === 1 ? /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(values[0]!)?.[1] : undefined;
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const colon = bytes.indexOf(COLON);
  if (colon < 0) return undefined;
  return { name: bytes.subarray(0, colon), password: bytes.subarray(colon + 1) };
}

const COLON = 0x3a;
