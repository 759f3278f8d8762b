import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import type { Uplink } from '../../../client-proxy/uplink/uplink.ts';
import type { ReceivedChunk } from '../../../shared/protocol/memory/chunk.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { SUBFLOW_ALPN } from '../../../shared/runtime/subflow/subflow-tls.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { deferred } from '../../support/deferred.ts';
import { pattern } from '../app/app-pair.ts';
import {
  bench,
  dial,
  drain,
  identity,
  ignore,
  lan,
  native,
  rawClient,
  receivePool,
} from './subflow-bench.ts';

describe('the listener', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
    ['zeros', Buffer.alloc(1000)],
    ['a SOCKS5 greeting', Buffer.of(5, 1, 0)],
    ['a TLS alert', Buffer.of(21, 3, 3, 0, 2, 2, 40)],
    ['one wrong byte', Buffer.of(0xff)],
    ['a right first byte and a wrong second', Buffer.of(22, 9, 9, 9, 9, 9)],
  ])('answers %s with nothing but the end', async (_name, garbage) => {
    const { port, failure } = await bench();
    const client = await rawClient(port);
    client.write(garbage);
    const { bytes } = await drain(client);
    expect(bytes).toHaveLength(0);
    expect(await failure.promise).toBe('not TLS');
  });

  test('ends garbage behind a TLS record header', async () => {
    const { port, failure, listener } = await bench();
    const client = await rawClient(port);
    client.write(Buffer.concat([Buffer.of(22, 3, 1, 0, 100), pattern(100)]));
    await drain(client);
    await failure.promise;
    expect(listener.addresses()).toHaveLength(1);
  });

  test.each([['nothing'], ['one byte at a time']])(
    'ends a client that sends %s, in bounded time',
    async (how) => {
      const { port, failure } = await bench({ handshakeTimeoutMs: 150 });
      const client = await rawClient(port);
      const hello = Buffer.concat([Buffer.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), pattern(200)]);
      let at = 0;
      const drip = setInterval(() => {
        if (how !== 'nothing' && !client.destroyed) client.write(hello.subarray(at, at + 1));
        at += 1;
      }, 5);
      onTestFinished(() => clearInterval(drip));
      expect((await drain(client)).bytes).toHaveLength(0);
      expect(await failure.promise).toBe('took too long');
    },
  );

  test('gives one source a share of its places, and lets another in', async () => {
    const crowded: string[] = [];
    const { port, failures, subflow } = await bench({
      maxPlaces: { silent: 8, line: 8, tls: 8 },
      onCrowded: (stage, outcome, remote) => crowded.push(`${stage} ${outcome} ${remote}`),
    });
    const idle = Array.from({ length: 20 }, () => connectFrom('127.0.0.9', port));
    for (const socket of idle) void drain(socket);
    await expect.poll(() => crowded.length).toBe(18);
    const client = await dial(port);
    await subflow.promise;
    expect(client.exporter).toHaveLength(32);
    // Two in a second give way to others of the same source.
    expect(crowded[0]).toBe('silent displaced 127.0.0.9');
    expect(crowded).toContain('silent refused 127.0.0.9');
    expect(failures[0]).toBe('127.0.0.9 gave way to a newer connection');
    expect(failures).toContain('127.0.0.9 its source has its share of places');
    expect(failures).toHaveLength(18);
  });

  test('takes the place of a newcomer from the source that has most', async () => {
    const crowded: string[] = [];
    const { port, subflow } = await bench({
      maxPlaces: { silent: 8, line: 8, tls: 8 },
      onCrowded: (stage, outcome, remote) => crowded.push(`${stage} ${outcome} ${remote}`),
    });
    for (const address of ['127.0.1.9', '127.0.2.9', '127.0.3.9', '127.0.4.9'])
      for (let i = 0; i < 2; i++) await once(connectFrom(address, port), 'connect');
    await dial(port);
    await subflow.promise;
    expect(crowded).toEqual(['silent displaced 127.0.1.9']);
  });

  test('lets a connection wait for its turn at TLS, and carries it through', async () => {
    const { port, failures } = await bench({ handshakesPerSecond: 20 });
    const startMs = performance.now();
    // Twenty a second may begin, and two at once: the last after 200 ms.
    await Promise.all(Array.from({ length: 5 }, () => dial(port)));
    expect(performance.now() - startMs).toBeGreaterThan(150);
    expect(failures).toEqual([]);
  });

  test.each([
    ['in line', { silent: 8, line: 4, tls: 8 }, 'line'],
    ['in TLS', { silent: 8, line: 8, tls: 4 }, 'tls'],
  ])('gives one source a share of the places %s', async (_name, maxPlaces, stage) => {
    const crowded: string[] = [];
    const perSecond = stage === 'line' ? { handshakesPerSecond: 20 } : {};
    const { port } = await bench({
      ...perSecond,
      maxPlaces,
      onCrowded: (...of) => crowded.push(of.join(' ')),
    });
    const hello = Buffer.concat([Buffer.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), pattern(200)]);
    for (let i = 0; i < 12; i++) connectFrom('127.0.0.9', port).write(hello);
    await expect.poll(() => crowded).toContain(`${stage} refused 127.0.0.9`);
    await dial(port);
  });

  test('ends those that wait in line when it closes', async () => {
    const { port, listener, failures } = await bench({ handshakesPerSecond: 20 });
    const hello = Buffer.concat([Buffer.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), pattern(200)]);
    const clients = Array.from({ length: 8 }, () => connectFrom('127.0.0.9', port));
    const ends = clients.map((client) => drain(client));
    for (const client of clients) client.write(hello);
    await once(clients.at(-1)!, 'connect');
    listener.close();
    await Promise.all(ends);
    expect(failures.length).toBeGreaterThan(0);
    expect(new Set(failures)).toEqual(new Set(['127.0.0.9 the listener is closing']));
  });

  test('counts an address the same over a dual-stack socket', async () => {
    const crowded: string[] = [];
    await bench({
      addresses: [{ host: '::', port: 0 }],
      maxPlaces: { silent: 4, line: 4, tls: 4 },
      isProven: ({ host, network }) => {
        crowded.push(`${host} ${network}`);
        return false;
      },
    }).then(async ({ port }) => once(connectFrom('127.0.0.9', port), 'connect'));
    await expect.poll(() => crowded).toEqual(['127.0.0.9 127.0.0.0/24']);
  });

  test('does not hand over a client of another protocol or of TLS 1.2', async () => {
    const one = await bench();
    const wrong = connectTls({
      port: one.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    await drain(wrong);
    await one.failure.promise;
    const two = await bench();
    const none = connectTls({ port: two.port, host: '127.0.0.1', rejectUnauthorized: false });
    await drain(none);
    expect(await two.failure.promise).toBe(`no ${SUBFLOW_ALPN}`);
    const three = await bench();
    const old = connectTls({
      port: three.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
      ALPNProtocols: [SUBFLOW_ALPN],
    });
    expect((await drain(old)).error).toBeDefined();
    await three.failure.promise;
  });

  test('resumes no session', async () => {
    const { port } = await bench();
    const attempt = async (session?: Buffer) => {
      const client = connectTls({
        port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ALPNProtocols: [SUBFLOW_ALPN],
        ...(session ? { session } : {}),
      });
      onTestFinished(() => void client.destroy());
      const given = once(client, 'session') as Promise<[Buffer]>;
      await once(client, 'secureConnect');
      expect(client.isSessionReused()).toBe(false);
      return (await given)[0];
    };
    await attempt(await attempt());
  });

  test('listens on several addresses, or on none', async () => {
    const { listener } = await bench({
      addresses: [
        { host: '127.0.0.1', port: 0 },
        { host: '127.0.0.2', port: 0 },
        { host: '::1', port: 0 },
      ],
    });
    const addresses = listener.addresses();
    expect(addresses.map(({ host }) => host)).toEqual(['127.0.0.1', '127.0.0.2', '::1']);
    const pin = certificatePin(identity.certificate);
    for (const target of addresses) {
      const uplink: Uplink = {
        ...lan,
        binding: { kind: 'address', address: target.host.includes(':') ? '::1' : '127.0.0.1' },
      };
      (
        await connectSubflow(uplink, target, { pins: [pin], pool: receivePool, native, timeoutMs: 5000 })
      ).destroy();
    }
    const taken = addresses[0]!;
    await expect(bench({ addresses: [{ host: '127.0.0.1', port: 0 }, taken] })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${taken.port} (listen): another program already listens there`,
    );
  });

  test('close ends handshakes and keeps subflows', async () => {
    const current = await bench();
    const { port, listener, failures } = current;
    const client = await dial(port);
    const server = await current.subflow.promise;
    const idle = await rawClient(port);
    // Accepted in order: once this one is through, the idle one is in the gate.
    const second = deferred<SubflowTransport>();
    current.subflow = second;
    const ended = drain(idle);
    const again = await dial(port);
    await second.promise;
    again.destroy();
    listener.close();
    await ended;
    expect(failures).toEqual(['127.0.0.1 the listener is closing']);
    const chunk = deferred<ReceivedChunk>();
    client.setHandlers({ ...ignore, onBytes: chunk.resolve });
    server.setHandlers(ignore);
    server.write([Buffer.from('still here')]);
    expect(Buffer.from((await chunk.promise).bytes).toString()).toBe('still here');
  });

  test('a congestion control that cannot be had is a warning, not a failure', async () => {
    const warnings: string[] = [];
    const { port } = await bench({ congestionControl: 'no-such', onWarning: (text) => warnings.push(text) });
    await dial(port);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('congestion control no-such cannot be set');
  });
});

function connectFrom(localAddress: string, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  onTestFinished(() => void socket.destroy());
  return socket.on('error', () => {});
}
