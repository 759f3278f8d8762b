const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 2 ** 14;
/** Type and length of a handshake message, version, random (RFC 8446 section 4.1.2). */
const FIXED_BYTES = 4 + 2 + 32;

/** Whether these first bytes of a connection, at least one, may be TLS. */
export function isTls(bytes: Uint8Array): boolean {
  return bytes[0] === HANDSHAKE_RECORD && (bytes.length < 2 || bytes[1] === 3);
}

/**
 * The host name in the server_name extension (RFC 6066 section 3) of the ClientHello that a connection begins with; `more` while
 * it may still come; `none` where there is none, or this is no ClientHello. Nothing else of the message is looked at. With
 * Encrypted Client Hello it is the name of the outer one.
 *
 * ```text
 * record     type 22 | version 3.x | length 2 | fragment      the message may be cut over several
 * message    type 1  | length 3 | version 2 | random 32 | session id <1> | cipher suites <2> | compression <1> | extensions <2>
 * extension  type 2  | body <2>          <n>: a length of n bytes stands before it
 * ```
 */
export function serverNameIn(bytes: Uint8Array): Uint8Array | 'more' | 'none' {
  const { fragment, isBroken } = handshakeIn(bytes);
  const name = serverNameInHello(fragment);
  return name === 'more' && isBroken ? 'none' : name;
}

/** How many bytes of a ClientHello that is not whole are still to come, one at least; headers of further records come on top. */
export function missingHelloBytes(bytes: Uint8Array): number {
  const { fragment } = handshakeIn(bytes);
  return fragment.length < 4 ? 1 : Math.max(1, 4 + number(fragment, 1, 3) - fragment.length);
}

function serverNameInHello(hello: Uint8Array): Uint8Array | 'more' | 'none' {
  if (hello.length > 0 && hello[0] !== CLIENT_HELLO) return 'none';
  if (hello.length < FIXED_BYTES) return 'more';
  const end = 4 + number(hello, 1, 3);
  let at = FIXED_BYTES;
  for (const lengthBytes of [1, 2, 1]) {
    const next = behindVector(hello, at, lengthBytes, end);
    if (typeof next === 'string') return next;
    at = next;
  }
  const extensions = behindVector(hello, at, 2, end);
  if (extensions !== end) return typeof extensions === 'string' ? extensions : 'none';
  for (at += 2; at < end; ) {
    const next = behindVector(hello, at + 2, 2, end);
    if (typeof next === 'string') return next;
    if (number(hello, at, 2) === SERVER_NAME) {
      return next > hello.length ? 'more' : hostNameIn(hello.subarray(at + 4, next));
    }
    at = next;
  }
  return 'none';
}

/**
 * What has come of the handshake, without the headers of records. `isBroken`: something else stands behind it, so that no more of
 * it comes; what has come before that stays true.
 */
function handshakeIn(bytes: Uint8Array): { fragment: Uint8Array; isBroken: boolean } {
  const fragments: Uint8Array[] = [];
  let isBroken = false;
  for (let at = 0; at < bytes.length; ) {
    isBroken = !isTls(bytes.subarray(at));
    if (isBroken || at + RECORD_HEADER_BYTES > bytes.length) break;
    const length = number(bytes, at + 3, 2);
    isBroken = length === 0 || length > MAX_RECORD_BYTES;
    if (isBroken) break;
    at += RECORD_HEADER_BYTES;
    fragments.push(bytes.subarray(at, at + length));
    at += length;
  }
  return { fragment: fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments), isBroken };
}

/** Where a vector ends whose length stands at `at`; its bytes need not have come. */
function behindVector(
  message: Uint8Array,
  at: number,
  lengthBytes: number,
  end: number,
): number | 'more' | 'none' {
  const from = at + lengthBytes;
  if (from > end) return 'none';
  if (from > message.length) return 'more';
  const next = from + number(message, at, lengthBytes);
  return next > end ? 'none' : next;
}

/** The first host name of a list of names, which is all of the extension. */
function hostNameIn(extension: Uint8Array): Uint8Array | 'none' {
  if (extension.length < 2 || number(extension, 0, 2) !== extension.length - 2) return 'none';
  for (let at = 2; at < extension.length; ) {
    const next = behindVector(extension, at + 1, 2, extension.length);
    if (typeof next === 'string') return 'none';
    if (extension[at] === HOST_NAME) return extension.subarray(at + 3, next);
    at = next;
  }
  return 'none';
}

/** The number in network order at a place that has come. */
function number(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = at; i < at + length; i++) value = value * 256 + bytes[i]!;
  return value;
}
