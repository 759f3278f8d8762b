import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WireCounter } from '../../../client-proxy/metering/wire-counter.ts';
import type { UplinkBinding } from '../../../client-proxy/uplink/uplink.ts';
import { connectAppSocketThroughUplink } from '../../../client-proxy/uplink/uplink-app-socket.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { pattern, Recorder } from '../../runtime/app/app-pair.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { startSocksRelay } from '../../support/socks-relay.ts';

const { native } = loadNative();
const after = useCleanups();

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function connect(binding: UplinkBinding, port: number, wire?: WireCounter): Promise<AppSocket> {
  const socket = await connectAppSocketThroughUplink(
    { name: 'dsl', backup: false, binding },
    { host: '127.0.0.1', port },
    {
      pool: new BlockPool(() => performance.now()),
      native,
      wire,
      signal: new Cancellation(),
      timeoutMs: 3_000,
    },
  );
  after(() => socket.destroy());
  return socket;
}

/** What the other side sends, up to its end. */
async function received(socket: AppSocket): Promise<Buffer> {
  const recorder = new Recorder();
  socket.setHandlers(recorder);
  socket.resume();
  await recorder.end.promise;
  return recorder.bytes;
}

type Through = [string, () => Promise<UplinkBinding> | UplinkBinding];
const byInterface: Through = ['an interface', () => ({ kind: 'interface', interface: 'lo' })];
const BINDINGS: readonly Through[] = [
  ['an address', () => ({ kind: 'address', address: '127.0.0.2' })],
  ...(native === undefined ? [] : [byInterface]),
  [
    'a proxy',
    async () => {
      const relay = await startSocksRelay();
      after(() => relay.close());
      return { kind: 'proxy', host: '127.0.0.1', port: relay.port };
    },
  ],
];

describe.each(BINDINGS)('through %s', (_, binding) => {
  test('bytes go both ways, and half-close is kept', async () => {
    const port = await listen((socket) => socket.pipe(socket));
    const socket = await connect(await binding(), port);
    const bytes = pattern(500_000);
    socket.write([bytes.subarray(0, 7), bytes.subarray(7)]);
    socket.end();
    expect((await received(socket)).equals(bytes)).toBe(true);
  });

  test('what it costs on the wire is counted, once', async () => {
    const port = await listen((socket) => socket.pipe(socket));
    const wire = new WireCounter(native);
    const socket = await connect(await binding(), port, wire);
    const bytes = pattern(500_000);
    socket.write([bytes]);
    socket.end();
    await received(socket);
    const { sentBytes, receivedBytes } = wire.read();
    for (const counted of [sentBytes, receivedBytes]) {
      expect(counted).toBeGreaterThan(500_000);
      expect(counted).toBeLessThan(600_000);
    }
  });

  test('nothing is read before it is asked for', async () => {
    const port = await listen((socket) => socket.end('at once'));
    const socket = await connect(await binding(), port);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await received(socket)).toString()).toBe('at once');
  });
});

describe('a proxy whose answer', () => {
  /** Speaks as little SOCKS5 as is needed, and answers the request with `rest` behind the reply, in the same write. */
  const proxyThatAnswers = async (rest: string, thenEnds: boolean): Promise<UplinkBinding> => {
    const port = await listen((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.of(5, 0));
        socket.once('data', () => {
          const reply = Buffer.concat([Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0), Buffer.from(rest)]);
          if (thenEnds) socket.end(reply);
          else socket.write(reply);
        });
      });
    });
    return { kind: 'proxy', host: '127.0.0.1', port };
  };

  test.each([
    ['brings the first bytes with it', 'SSH-2.0-banner'],
    ['brings all of them and the end', 'SSH-2.0-banner'],
    ['brings the end alone', ''],
  ])('%s: nothing is lost', async (what, bytes) => {
    for (let i = 0; i < 20; i++) {
      const ends = what.includes('end');
      const socket = await connect(await proxyThatAnswers(bytes, ends), 9);
      if (i % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 5));
      const recorder = new Recorder();
      socket.setHandlers(recorder);
      socket.resume();
      if (ends) await recorder.end.promise;
      else await expect.poll(() => recorder.bytes.length).toBe(bytes.length);
      expect(recorder.bytes.toString()).toBe(bytes);
      expect(recorder.ended).toBe(ends ? 1 : 0);
    }
  });
});
