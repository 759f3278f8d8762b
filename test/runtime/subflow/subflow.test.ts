import { describe, expect, onTestFinished, test } from 'vitest';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import type { Uplink } from '../../../client-proxy/uplink/uplink.ts';
import type { ReceivedChunk } from '../../../shared/protocol/memory/chunk.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { deferred } from '../../support/deferred.ts';
import { needs } from '../../support/needs.ts';
import { startSocksRelay } from '../../support/socks-relay.ts';
import { pattern } from '../app/app-pair.ts';
import { bench, dial, identity, ignore, lan, receivePool } from './subflow-bench.ts';

describe('a subflow', () => {
  test('has equal exporters and mirrored addresses at both ends, and another exporter each time', async () => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    const server = await subflow.promise;
    expect(client.exporter).toHaveLength(32);
    expect(Buffer.from(client.exporter).equals(server.exporter)).toBe(true);
    expect([client.remoteAddress, client.remotePort]).toEqual([server.localAddress, server.localPort]);
    expect([client.localAddress, client.localPort]).toEqual([server.remoteAddress, server.remotePort]);
    const again = await dial(port);
    expect(Buffer.from(again.exporter).equals(client.exporter)).toBe(false);
  });

  test('carries data both ways at once, one write at a time, and lets buffers be reused at once', async () => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    const server = await subflow.promise;
    const transfer = async (from: SubflowTransport, to: SubflowTransport, seed: number) => {
      const sent = pattern(6 * 1024 * 1024 + 13, seed);
      const received: Uint8Array[] = [];
      let length = 0;
      let at = 0;
      const scratch = [Buffer.alloc(24), Buffer.alloc(65512)];
      return {
        sent,
        next: () => {
          if (at === sent.length) return;
          const views = scratch.map((buffer) => {
            const copied = sent.copy(buffer, 0, at, Math.min(at + buffer.length, sent.length));
            at += copied;
            return buffer.subarray(0, copied);
          });
          from.write(views.filter((view) => view.length > 0));
          for (const buffer of scratch) buffer.fill(0);
        },
        onBytes: ({ bytes }: ReceivedChunk) => {
          received.push(bytes);
          length += bytes.length;
          return length === sent.length;
        },
        received: () => Buffer.concat(received),
        to,
      };
    };
    const up = await transfer(client, server, 1);
    const down = await transfer(server, client, 2);
    const upDone = deferred<void>();
    const downDone = deferred<void>();
    server.setHandlers({
      onBytes: (chunk) => void (up.onBytes(chunk) && upDone.resolve()),
      onWritable: down.next,
      onClose: () => {},
    });
    client.setHandlers({
      onBytes: (chunk) => void (down.onBytes(chunk) && downDone.resolve()),
      onWritable: up.next,
      onClose: () => {},
    });
    up.next();
    down.next();
    await Promise.all([upDone.promise, downDone.promise]);
    expect(up.received().equals(up.sent)).toBe(true);
    expect(down.received().equals(down.sent)).toBe(true);
  });

  test('reads bulk into memory that is used again', async () => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    const server = await subflow.promise;
    const sent = pattern(16 * 1024 * 1024, 3);
    const memories = new Set<ArrayBufferLike>();
    let length = 0;
    const done = deferred<void>();
    client.setHandlers({
      ...ignore,
      onBytes: (chunk) => {
        const { bytes } = chunk;
        if (!sent.subarray(length, length + bytes.length).equals(bytes))
          done.reject(new Error('other bytes'));
        memories.add(bytes.buffer);
        length += bytes.length;
        chunk.release();
        if (length === sent.length) done.resolve();
      },
    });
    server.setHandlers(ignore);
    server.write([sent]);
    await done.promise;
    // A thousand records; where this Node has no way to read through, each has a buffer of its own.
    expect(memories.size).toBeLessThan(300);
  });

  test('refuses a second write before onWritable, and an empty one', async () => {
    const { port } = await bench();
    const client = await dial(port);
    client.setHandlers(ignore);
    expect(() => client.write([])).toThrow(/must carry something/);
    client.write([Buffer.alloc(10)]);
    expect(() => client.write([Buffer.alloc(10)])).toThrow(/before onWritable/);
  });

  test.each([
    ['a promise', (set: () => void) => set()],
    ['a callback', setImmediate],
  ])('keeps what arrives before setHandlers, which comes from %s', async (_, call) => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    client.setHandlers(ignore);
    client.write([Buffer.from('early')]);
    const server = await subflow.promise;
    for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
    const chunk = deferred<ReceivedChunk>();
    call(() => server.setHandlers({ ...ignore, onBytes: chunk.resolve }));
    expect(Buffer.from((await chunk.promise).bytes).toString()).toBe('early');
  });

  test.each([['client'], ['server']])('destroyed by the %s, closes once at both ends', async (side) => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    const server = await subflow.promise;
    const closes = { client: 0, server: 0 };
    const both = [client, server].map((transport) => {
      const closed = deferred<void>();
      transport.setHandlers({
        ...ignore,
        onClose: () => {
          closes[transport === client ? 'client' : 'server'] += 1;
          closed.resolve();
        },
      });
      return closed.promise;
    });
    const destroyed = side === 'client' ? client : server;
    destroyed.destroy();
    destroyed.destroy();
    await Promise.all(both);
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    expect(closes).toEqual({ client: 1, server: 1 });
    client.write([Buffer.from('into the void')]);
    expect(client.measure()).toBeUndefined();
  });

  test('that went away before setHandlers still says so', async () => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    const server = await subflow.promise;
    client.destroy();
    const closed = deferred<void>();
    server.setHandlers({ ...ignore, onClose: () => closed.resolve() });
    await closed.promise;
    const late = deferred<void>();
    client.setHandlers({ ...ignore, onClose: () => late.resolve() });
    await late.promise;
  });

  test('measures its TCP connection at both ends', needs('libc'), async () => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    const server = await subflow.promise;
    for (const transport of [client, server]) {
      const figures = transport.measure();
      expect(figures?.bytesAcked).toBeGreaterThan(100);
      expect(figures?.rttMs).toBeGreaterThan(0);
    }
  });

  test('works without koffi, with no figures', async () => {
    const { port, subflow } = await bench({ native: undefined });
    const pin = certificatePin(identity.certificate);
    const client = await connectSubflow(
      lan,
      { host: '127.0.0.1', port },
      { pins: [pin], pool: receivePool, timeoutMs: 5000 },
    );
    onTestFinished(() => void client.destroy());
    const server = await subflow.promise;
    const chunk = deferred<ReceivedChunk>();
    server.setHandlers({ ...ignore, onBytes: chunk.resolve });
    client.setHandlers(ignore);
    client.write([Buffer.from('plain')]);
    expect(Buffer.from((await chunk.promise).bytes).toString()).toBe('plain');
    expect(client.measure()).toBeUndefined();
    expect(server.measure()).toBeUndefined();
  });

  test("runs through an upstream SOCKS5 proxy, without the proxy connection's figures", async () => {
    const relay = await startSocksRelay();
    onTestFinished(() => relay.close());
    const { port, subflow } = await bench();
    const proxied: Uplink = {
      name: 'vpn',
      binding: { kind: 'proxy', host: '127.0.0.1', port: relay.port },
      backup: false,
    };
    const client = await dial(port, proxied);
    const server = await subflow.promise;
    const sent = pattern(500_000);
    const received: Uint8Array[] = [];
    const done = deferred<void>();
    client.setHandlers({
      ...ignore,
      onBytes: ({ bytes }) => {
        received.push(bytes);
        if (Buffer.concat(received).length === sent.length) done.resolve();
      },
    });
    server.setHandlers(ignore);
    server.write([sent]);
    await done.promise;
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(client.measure()).toBeUndefined();
  });
});
