import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { expect, it } from 'vitest';
import { OwnConnections } from '../../../client-proxy/transparent/own-connections.ts';
import { useCleanups } from '../../support/cleanups.ts';

const cleanUp = useCleanups();

async function server(host: string) {
  const server = createServer({ pauseOnConnect: true }).listen(0, host);
  cleanUp(() => void server.close());
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

it.each([
  ['127.0.0.1', '127.0.0.2', '127.0.0.1'],
  ['::1', '::1', '0:0::1'],
])(
  'a connection is known when it is accepted, by both its ends, until it closes: %s',
  async (host, source, spelling) => {
    const own = new OwnConnections();
    const { server: listener, port } = await server(host);
    const socket = new Socket();
    cleanUp(() => void socket.destroy());
    own.watch(socket);
    const accepted = new Promise<[number, boolean]>((resolve) => {
      listener.once('connection', ({ remoteAddress = '', remotePort = 0 }) => {
        const from = { host: remoteAddress, port: remotePort };
        resolve([remotePort, own.has(from, { host: spelling, port })]);
      });
    });
    socket.connect({ host, port, localAddress: source });
    const [sourcePort, isKnown] = await accepted;
    expect(isKnown).toBe(true);
    const from = { host: source, port: sourcePort };
    expect(own.has(from, { host, port: port + 1 })).toBe(false);
    expect(own.has({ ...from, port: sourcePort + 1 }, { host, port })).toBe(false);
    socket.destroy();
    await once(socket, 'close');
    expect(own.has(from, { host, port })).toBe(false);
  },
);

it('an attempt that fails leaves nothing behind', async () => {
  const own = new OwnConnections();
  const { server: listener, port } = await server('127.0.0.1');
  listener.close();
  await once(listener, 'close');
  const socket = new Socket();
  own.watch(socket);
  const sources: number[] = [];
  socket.on('connectionAttempt', () => queueMicrotask(() => sources.push(socket.localPort ?? 0)));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {}).connect({ host: '127.0.0.1', port });
  await closed;
  expect(sources).toHaveLength(1);
  expect(own.has({ host: '127.0.0.1', port: sources[0]! }, { host: '127.0.0.1', port })).toBe(false);
});
