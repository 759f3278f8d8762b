import { concatBytes } from '../codec/bytes.ts';

/** What the handshake needs of a crypto library; handed in, since the core is pure. */
export interface HandshakeCrypto {
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  randomBytes(count: number): Uint8Array;
  /** Compares in time that does not depend on where the inputs differ; false for different lengths. */
  constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean;
}

const LABELS = {
  hello: 'tributary/1 hello',
  welcome: 'tributary/1 welcome',
  join: 'tributary/1 join',
  joined: 'tributary/1 joined',
} as const;

/** The mac of a handshake message, SPEC.md section 4. */
export function handshakeMac(
  crypto: HandshakeCrypto,
  key: Uint8Array,
  label: keyof typeof LABELS,
  exporter: Uint8Array,
  ...transcript: readonly Uint8Array[]
): Uint8Array {
  return crypto.hmacSha256(
    key,
    concatBytes(new TextEncoder().encode(LABELS[label]), exporter, ...transcript),
  );
}
