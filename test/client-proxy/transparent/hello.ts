/** Handshake messages in bytes, as clients send them, for tests. */

export interface HelloParts {
  readonly extensions?: readonly Uint8Array[];
  readonly sessionIdBytes?: number;
  readonly cipherSuites?: number;
}

/** `length` bytes in front of the bytes. */
export function vector(lengthBytes: number, bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(bytes.length, 0, lengthBytes);
  return Buffer.concat([length, bytes]);
}

export function extension(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 0xff), vector(2, body)]);
}

/** server_name with one entry of a type. */
export function serverName(name: string | Uint8Array, type = 0): Buffer {
  return extension(0, vector(2, Buffer.concat([Buffer.of(type), vector(2, Buffer.from(name))])));
}

/** A ClientHello message, without records. */
export function hello({ extensions, sessionIdBytes = 32, cipherSuites = 16 }: HelloParts): Buffer {
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 0xaa),
    vector(1, Buffer.alloc(sessionIdBytes)),
    vector(2, Buffer.alloc(2 * cipherSuites, 0x13)),
    vector(1, Buffer.of(0)),
    ...(extensions === undefined ? [] : [vector(2, Buffer.concat(extensions))]),
  ]);
  return Buffer.concat([Buffer.of(1), vector(3, body)]);
}

/** A message in records of at most so many bytes. */
export function records(message: Uint8Array, fragmentBytes = 16_384, type = 22): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < message.length; at += fragmentBytes) {
    pieces.push(Buffer.of(type, 3, 1), vector(2, message.subarray(at, at + fragmentBytes)));
  }
  return Buffer.concat(pieces);
}

/** GREASE (RFC 8701): an extension that nobody knows, of which Chromium sends two. */
export const GREASE = extension(0x7a7a, Buffer.of(0));
/** X25519MLKEM768 beside X25519: 1,263 bytes. */
export const POST_QUANTUM_KEYS = extension(51, vector(2, Buffer.alloc(1258)));
/** Encrypted Client Hello: the outer one names the provider. */
export const ECH = extension(0xfe0d, Buffer.alloc(280));
