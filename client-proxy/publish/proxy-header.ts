import type { Visit } from '../../shared/protocol/session/stream-commands.ts';

/** Of the PROXY protocol, version 2: no text that a server could take for a request. */
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
/** Version 2, command PROXY: the connection is on behalf of somebody else. */
const VERSION_AND_COMMAND = 0x21;
/** TCP over IPv4, and over IPv6. */
const TCP4 = 0x11;
const TCP6 = 0x21;
const FIXED_BYTES = 16;

/**
 * The header that tells a service who its visitor is, and where that one has connected to: PROXY protocol version 2 (HAProxy's
 * proxy-protocol.txt, section 2.2), 28 bytes for IPv4 and 52 for IPv6.
 */
export function proxyHeader({ visitor, local, visitorPort, localPort }: Visit): Uint8Array {
  const addressBytes = visitor.length;
  const restBytes = 2 * addressBytes + 4;
  const header = new Uint8Array(FIXED_BYTES + restBytes);
  const view = new DataView(header.buffer);
  header.set(SIGNATURE);
  header[12] = VERSION_AND_COMMAND;
  header[13] = addressBytes === 4 ? TCP4 : TCP6;
  view.setUint16(14, restBytes);
  header.set(visitor, FIXED_BYTES);
  header.set(local, FIXED_BYTES + addressBytes);
  view.setUint16(FIXED_BYTES + 2 * addressBytes, visitorPort);
  view.setUint16(FIXED_BYTES + 2 * addressBytes + 2, localPort);
  return header;
}
