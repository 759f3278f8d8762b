import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { serverNameIn } from '../../../shared/runtime/subflow/client-hello.ts';
import { HandshakeGate, type ReadyConnection } from '../../../shared/runtime/subflow/handshake-gate.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { extension, hello, records, serverName } from '../../client-proxy/transparent/hello.ts';
import { deferred } from '../../support/deferred.ts';
import { bench, dial, identity, native, receivePool } from './subflow-bench.ts';

const NAME = 'w1.c1.example.org';
const HELLO = records(hello({ extensions: [serverName(NAME)] }));

/** A listener that gives its connections away, and what it gave. */
async function giving(handshakeTimeoutMs = 10_000) {
  const given: ReadyConnection[] = [];
  const { port, failures } = await bench({ handshakeTimeoutMs, handOver: (ready) => given.push(ready) });
  onTestFinished(() => {
    for (const { socket } of given) socket.destroy();
  });
  return { port, failures, given };
}

async function say(port: number, pieces: readonly Uint8Array[]) {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return socket;
}

/** However it ends. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

it('gives a connection away once its ClientHello is whole, however it comes', async () => {
  const { port, given } = await giving();
  const bytes = Array.from(HELLO, (byte) => Buffer.of(byte));
  const cut = records(hello({ extensions: [serverName(NAME)] }), 20);
  for (const [i, pieces] of [[HELLO], bytes, [cut], [HELLO.subarray(0, 9), HELLO.subarray(9)]].entries()) {
    await say(port, pieces);
    await expect.poll(() => given.length).toBe(i + 1);
    const { head, isProven, leftMs, remote } = given[i]!;
    expect(Buffer.from(serverNameIn(head) as Uint8Array).toString()).toBe(NAME);
    expect({ isProven, remote }).toEqual({ isProven: false, remote: '127.0.0.1' });
    expect(leftMs).toBeGreaterThan(0);
  }
});

it('reads nothing behind what it gives along', async () => {
  const { port, given } = await giving();
  const socket = await say(port, [HELLO]);
  await expect.poll(() => given.length).toBe(1);
  socket.write('more');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(given[0]!.socket.bytesRead).toBe(HELLO.length);
});

it.each<[string, Buffer[]]>([
  ['text', [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
  ['another version', [Buffer.from('160201', 'hex')]],
  ['alert', [Buffer.from('15030300020228', 'hex')]],
  [
    'a ClientHello that is too long',
    [records(hello({ extensions: [extension(99, Buffer.alloc(30_000)), serverName(NAME)] }), 8_000)],
  ],
])('ends a connection that begins with %s', async (_, pieces) => {
  const { port, failures, given } = await giving();
  const socket = await say(port, pieces);
  await closed(socket);
  expect(failures).toHaveLength(1);
  expect(given).toEqual([]);
});

it('ends one that says nothing, or not all, when its time is over', async () => {
  const { port, failures, given } = await giving(200);
  const sockets = await Promise.all([say(port, []), say(port, [HELLO.subarray(0, 30)])]);
  await Promise.all(sockets.map(closed));
  expect(failures).toEqual(['127.0.0.1 took too long', '127.0.0.1 took too long']);
  expect(given).toEqual([]);
});

it('is TLS for whoever takes the connection then', async () => {
  const subflow = deferred<SubflowTransport>();
  const gate = new HandshakeGate({
    ...identity,
    pool: receivePool,
    native,
    clock: () => performance.now(),
    onSubflow: (transport) => subflow.resolve(transport),
    onHandshakeFailed: (_, reason) => subflow.reject(new Error(reason)),
  });
  onTestFinished(() => gate.close());
  const { port } = await bench({ handOver: (ready) => gate.take(ready) });
  const transport = await dial(port);
  const other = await subflow.promise;
  onTestFinished(() => other.destroy());
  expect(other.exporter).toEqual(transport.exporter);
  expect(other.remoteAddress).toBe('127.0.0.1');
  if (native !== undefined) expect(other.measure()).toBeDefined();
});
