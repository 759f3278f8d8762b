import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';

export interface Origin extends Destination {
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** The next connection that comes in. */
  nextConnection(): Promise<Socket>;
  close(): Promise<void>;
}

/** A TCP server on a free loopback port; connections are half-open, so that each end closes by itself. */
export async function startOrigin(
  onConnection: (socket: Socket) => void = () => {},
  host = '127.0.0.1',
): Promise<Origin> {
  const sockets = new Set<Socket>();
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    // A client that goes away is part of many tests.
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
    for (const resolve of waiting.splice(0)) resolve(socket);
  });
  server.listen({ host, port: 0, backlog: 1024 });
  await once(server, 'listening');
  return {
    host,
    port: (server.address() as AddressInfo).port,
    sockets,
    nextConnection: () => new Promise((resolve) => waiting.push(resolve)),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An origin that sends back what it gets, and ends when its client does. */
export function startEcho(host?: string): Promise<Origin> {
  return startOrigin((socket) => socket.pipe(socket), host);
}
