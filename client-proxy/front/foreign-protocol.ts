/** What a client said that speaks none of the protocols of the port: in words for the log, which say what to change. */
export function describeForeign(firstByte: number): string {
  if (firstByte === TLS_HANDSHAKE) {
    return 'the client starts TLS; this port speaks plain SOCKS and HTTP: set it as http:// or socks5h://, not https://, in the application';
  }
  return `the client's first byte is ${firstByte}: it speaks neither SOCKS (4 or 5) nor HTTP`;
}

/**
 * What it is answered, if anything. For TLS an alert (RFC 8446 section 6.2, unexpected_message): clients then name the cause at once,
 * as in "SSL alert" or "wrong version number".
 */
export function answerToForeign(firstByte: number): Uint8Array | undefined {
  return firstByte === TLS_HANDSHAKE ? TLS_ALERT : undefined;
}

/** RFC 8446 section 5.1: the type of the record that a TLS client sends first. */
const TLS_HANDSHAKE = 0x16;
const TLS_ALERT = Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0a);
