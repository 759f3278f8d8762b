/** What a client spoke instead of SOCKS5: why, in words for the log, and an answer that it can show, if any. */
interface ForeignProtocol {
  readonly reason: 'socks4' | 'http' | 'badVersion';
  readonly detail: string;
  readonly answer?: Uint8Array;
}

/**
 * Names the protocol of a client whose first byte is not the SOCKS5 version, so that the log can say what to
 * change. `undefined` while the bytes may still become an HTTP method; at most 8 bytes are waited for.
 */
export function recogniseForeignProtocol(bytes: Uint8Array): ForeignProtocol | undefined {
  switch (bytes[0]) {
    case 0x04:
      return {
        reason: 'socks4',
        detail: 'the client speaks SOCKS4; set it to SOCKS5 (socks5h:// where it takes a URL)',
      };
    case 0x16:
      return {
        reason: 'badVersion',
        detail: 'the client starts TLS; this port speaks plain SOCKS5, so set it as a SOCKS5 proxy',
      };
  }
  const start = String.fromCharCode(...bytes.subarray(0, LONGEST_METHOD));
  if (HTTP_METHODS.some((method) => start.startsWith(method))) {
    return {
      reason: 'http',
      detail: 'the client speaks HTTP; set this address as a SOCKS5 proxy, not as an HTTP proxy',
      answer: HTTP_ANSWER,
    };
  }
  if (HTTP_METHODS.some((method) => method.startsWith(start))) return undefined;
  return { reason: 'badVersion', detail: `the client's first byte is ${bytes[0]}, not the SOCKS version 5` };
}

/** RFC 9110 section 9 and RFC 5789, each with the space that follows it. */
const HTTP_METHODS = [
  'GET ',
  'HEAD ',
  'POST ',
  'PUT ',
  'DELETE ',
  'CONNECT ',
  'OPTIONS ',
  'TRACE ',
  'PATCH ',
];
const LONGEST_METHOD = Math.max(...HTTP_METHODS.map((method) => method.length));

const HTTP_TEXT = 'This is a SOCKS5 proxy.\n';
const HTTP_ANSWER = new TextEncoder().encode(
  'HTTP/1.1 400 Bad Request\r\n' +
    'Content-Type: text/plain\r\n' +
    `Content-Length: ${HTTP_TEXT.length}\r\n` +
    'Connection: close\r\n\r\n' +
    HTTP_TEXT,
);
