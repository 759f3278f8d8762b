import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WireCounter } from '../../../client-proxy/metering/wire-counter.ts';
import { WireTable } from '../../../client-proxy/metering/wire-table.ts';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import { connectThroughUplink } from '../../../client-proxy/uplink/uplink-socket.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { bench, identity, ignore, lan, native, receivePool } from '../../runtime/subflow/subflow-bench.ts';
import { needs } from '../../support/needs.ts';

const BODY_BYTES = 300_000;
/** A SYN with its options, or the answer. */
const SYN_BYTES = 60;

/** Connects to a server that sends BODY_BYTES and takes as many; resolves when both have arrived. */
async function exchange(counter: WireCounter): Promise<Socket> {
  const server = createServer((peer) => {
    peer.on('error', () => {});
    peer.resume().write(Buffer.alloc(BODY_BYTES));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const socket = new Socket();
  onTestFinished(() => void socket.destroy());
  counter.watch(socket);
  socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
  let receivedBytes = 0;
  const received = new Promise<void>((resolve) => {
    socket.on('data', ({ length }) => {
      receivedBytes += length;
      if (receivedBytes === BODY_BYTES) resolve();
    });
  });
  await once(socket, 'connect');
  await Promise.all([received, new Promise((resolve) => socket.write(Buffer.alloc(BODY_BYTES), resolve))]);
  return socket;
}

/** What is counted once the last acknowledgements have come: all was sent, and nothing more is for a moment. */
async function atRest(counter: WireCounter) {
  for (let was = counter.read(); ; ) {
    await sleep(50);
    const now = counter.read();
    const isWhole = Math.min(now.sentBytes, now.receivedBytes) > BODY_BYTES;
    if (isWhole && now.sentBytes === was.sentBytes && now.receivedBytes === was.receivedBytes) return now;
    was = now;
  }
}

async function refusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('counted by the kernel', needs('libc'), () => {
  test('payload and headers of both directions, while the connection is open and after it', async () => {
    const counter = new WireCounter(native);
    const socket = await exchange(counter);
    const open = await atRest(counter);
    for (const bytes of [open.sentBytes, open.receivedBytes]) {
      expect(bytes).toBeGreaterThan(BODY_BYTES + SYN_BYTES);
      // Loopback's packets are large, so headers are few; on a busy machine there are more of them.
      expect(bytes).toBeLessThan(BODY_BYTES * 1.1);
    }
    socket.destroy();
    await once(socket, 'close');
    const closed = counter.read();
    expect(closed.sentBytes - open.sentBytes).toBeGreaterThanOrEqual(52);
    expect(closed.sentBytes - open.sentBytes).toBeLessThan(300);
    expect(closed.receivedBytes - open.receivedBytes).toBeLessThan(300);
    expect(counter.read()).toEqual(closed);
  });

  test('what came between the last look and the end counts, too', async () => {
    const counter = new WireCounter(native);
    const socket = await exchange(counter);
    socket.destroy();
    await once(socket, 'close');
    const { sentBytes, receivedBytes } = counter.read();
    for (const bytes of [sentBytes, receivedBytes]) {
      expect(bytes).toBeGreaterThan(BODY_BYTES);
      expect(bytes).toBeLessThan(BODY_BYTES * 1.08);
    }
  });

  test('a subflow with its handshakes, and one that is refused', async () => {
    const { port, subflow } = await bench();
    const counter = new WireCounter(native);
    const options = {
      pins: [certificatePin(identity.certificate)],
      pool: receivePool,
      native,
      timeoutMs: 5000,
      wire: counter,
    };
    const transport = await connectSubflow(lan, { host: '127.0.0.1', port }, options);
    onTestFinished(() => transport.destroy());
    const { sentBytes, receivedBytes } = counter.read();
    // ClientHello and Finished; the certificate comes the other way.
    expect(sentBytes).toBeGreaterThan(400);
    expect(receivedBytes).toBeGreaterThan(800);
    const far = await subflow.promise;
    far.setHandlers(ignore);
    transport.setHandlers(ignore);
    transport.write([new Uint8Array(100_000)]);
    await expect.poll(() => counter.read().sentBytes - sentBytes).toBeGreaterThan(100_000);
    const before = counter.read().sentBytes;
    const target = { host: '127.0.0.1', port: await refusedPort() };
    await expect(connectThroughUplink(lan, target, options)).rejects.toThrow('refused');
    await expect.poll(() => counter.read().sentBytes - before).toBeGreaterThanOrEqual(SYN_BYTES);
  });
});

describe('without the kernel', () => {
  test('the bytes of the sockets, and headers as for full packets', async () => {
    const counter = new WireCounter(undefined);
    const socket = await exchange(counter);
    const open = counter.read();
    socket.destroy();
    await once(socket, 'close');
    const closed = counter.read();
    for (const { sentBytes, receivedBytes } of [open, closed]) {
      for (const bytes of [sentBytes, receivedBytes]) {
        expect(bytes).toBeGreaterThan(BODY_BYTES * 1.03);
        expect(bytes).toBeLessThan(BODY_BYTES * 1.08);
      }
    }
    expect(closed.sentBytes).toBeGreaterThan(open.sentBytes);
  });
});

test('uplinks beyond the bound are counted together', () => {
  const table = new WireTable(undefined, 2);
  expect(table.of('a')).toBe(table.of('a'));
  expect(table.of('b')).not.toBe(table.of('a'));
  expect(table.of('c')).toBe(table.of('d'));
  expect([...table.entries()].map(([name]) => name)).toEqual(['a', 'b', 'other']);
  expect(table.source).toBe('estimate');
});

test('uplinks that come under ever new names are each counted by themselves, and those that are gone are forgotten', () => {
  let present = '';
  const table = new WireTable(undefined, 64, (name) => name === present);
  const names = Array.from({ length: 66 }, (_, i) => `enx${i}`);
  for (const name of names) {
    present = name;
    table.of(name).countPacket('received', 1_000);
    expect(table.of(name).read().receivedBytes).toBe(1_000);
  }
  expect([...table.entries()].map(([name]) => name)).toEqual(names.slice(2));
});

test('an uplink that is gone is counted as long as a connection of it is open', async () => {
  const table = new WireTable(undefined, 1, (name) => name === 'new');
  const counter = table.of('gone');
  const socket = await exchange(counter);
  table.of('new');
  expect([...table.entries()].map(([name]) => name)).toEqual(['gone', 'other']);
  socket.destroy();
  await once(socket, 'close');
  table.of('new');
  expect([...table.entries()].map(([name]) => name)).toEqual(['new']);
});
