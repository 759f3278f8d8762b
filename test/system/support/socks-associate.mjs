import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/** Of a datagram to the proxy, with IPv4. */
export const HEADER_BYTES = 10;

/** Asks a SOCKS5 proxy on this machine for UDP. Resolves to the connection that holds it, a socket, and the port to send to. */
export async function associate(port) {
  const control = connect(port, '127.0.0.1');
  const answer = () => new Promise((resolve) => control.once('data', resolve));
  control.write(Uint8Array.of(5, 1, 0));
  await answer();
  control.write(Uint8Array.of(5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
  const reply = await answer();
  if (reply[1] !== 0) throw new Error(`the proxy refuses: ${reply[1]}`);
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { control, socket, relay: reply.readUInt16BE(reply.length - 2) };
}

/** What stands before each datagram to an IPv4 address (RFC 1928 section 7). */
export function headerFor(address, port) {
  return Buffer.from([0, 0, 0, 1, ...address.split('.').map(Number), port >> 8, port & 255]);
}
