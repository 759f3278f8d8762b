import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SocksClient } from 'socks';
import type { Destination } from '../../shared/protocol/destination.ts';

const HOST = '127.0.0.1';

/** What an application asks of the proxy for its datagrams. */
export interface UdpAssociation {
  readonly udp: UdpSocket;
  /** The proxy's end. */
  readonly relay: Destination;
  /** Its end is that of the association. */
  readonly control: Socket;
  close(): void;
}

/** Asks a SOCKS5 proxy for UDP, by the npm package `socks`. */
export async function associate(proxy: Destination): Promise<UdpAssociation> {
  const client = new SocksClient({
    proxy: { ...proxy, type: 5 },
    command: 'associate',
    destination: { host: '0.0.0.0', port: 0 },
  });
  const established = once(client, 'established');
  client.connect();
  const [{ remoteHost, socket }] = await established;
  const control = socket as Socket;
  control.on('error', () => {});
  // A proxy that names no address means the one that it was reached at.
  const relay = remoteHost.host === '0.0.0.0' ? { ...remoteHost, host: proxy.host } : remoteHost;
  const udp = createSocket('udp4');
  udp.bind(0, HOST);
  await once(udp, 'listening');
  const close = () => {
    control.destroy();
    udp.close();
  };
  return { udp, relay, control, close };
}

/** A datagram through an association, and where the answer came from. */
export interface Answer {
  readonly from: Destination;
  readonly payload: Buffer;
}

/** Sends one datagram and waits for the next that comes. @returns undefined where none comes in time */
export async function exchange(
  association: UdpAssociation,
  to: Destination,
  payload: Uint8Array,
  limitMs = 2_000,
): Promise<Answer | undefined> {
  const { udp, relay } = association;
  const came = once(udp, 'message', { signal: AbortSignal.timeout(limitMs) }).catch(() => undefined);
  udp.send(frameFor(to, payload), relay.port, relay.host);
  const message = await came;
  if (message === undefined) return undefined;
  const { remoteHost, data } = SocksClient.parseUDPFrame(message[0]);
  return { from: remoteHost, payload: data };
}

/** A datagram as it travels to the proxy (RFC 1928 section 7). */
export function frameFor(to: Destination, payload: Uint8Array): Buffer {
  return SocksClient.createUDPFrame({ remoteHost: to, data: Buffer.from(payload) });
}

/** An origin that sends each datagram back, and counts them. */
export interface UdpEcho extends Destination {
  received: number;
  close(): void;
}

/** Answers with `answerBytes` where told, else with what it got. */
export async function startUdpEcho(host = HOST, answerBytes?: number): Promise<UdpEcho> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(0, host);
  await once(socket, 'listening');
  const echo: UdpEcho = { host, port: socket.address().port, received: 0, close: () => socket.close() };
  socket.on('message', (payload, { address, port }) => {
    echo.received++;
    socket.send(answerBytes === undefined ? payload : Buffer.alloc(answerBytes, 1), port, address);
  });
  return echo;
}
