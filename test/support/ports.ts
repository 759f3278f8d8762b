import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';

/** A port of 127.0.0.1 that somebody listens at. */
export interface TakenPort {
  readonly port: number;
  free(): Promise<void>;
}

export async function takenPort(): Promise<TakenPort> {
  const { port, tcp, udp } = await sharedPort();
  await closed(udp);
  return { port, free: () => closed(tcp) };
}

/**
 * A port of 127.0.0.1 that nobody listens at, by TCP or UDP. It is not one of those that the kernel gives to connections and to whoever
 * asks for any: it is still free when it is used, unless another test has drawn the same number.
 */
export async function freePort(): Promise<number> {
  const first = 10_000;
  const count = firstGivenPort() - first;
  for (;;) {
    const both = await bothAt(count > 0 ? first + Math.floor(Math.random() * count) : 0);
    if (both === undefined) continue;
    await Promise.all([closed(both.tcp), closed(both.udp)]);
    return both.port;
  }
}

/** One port of 127.0.0.1, by TCP and by UDP. */
export interface SharedPort {
  readonly port: number;
  readonly tcp: Server;
  readonly udp: Socket;
}

/** A free number of one of them may be taken for the other one, by a connection too: then there is another try. */
export async function sharedPort(): Promise<SharedPort> {
  for (;;) {
    const both = await bothAt(0);
    if (both !== undefined) return both;
  }
}

async function bothAt(wanted: number): Promise<SharedPort | undefined> {
  const tcp = createServer({ allowHalfOpen: true });
  const udp = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  try {
    tcp.listen(wanted, HOST);
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    udp.bind(port, HOST);
    await once(udp, 'listening');
    return { port, tcp, udp };
  } catch (error) {
    udp.close();
    if (tcp.listening) await closed(tcp);
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

async function closed(socket: Server | Socket): Promise<void> {
  const isClosed = once(socket, 'close');
  socket.close();
  await isClosed;
}

/** The first port that the kernel gives to whoever asks for any. */
function firstGivenPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t')[0]);
  } catch {
    // As on macOS, and others.
    return 49_152;
  }
}
