import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { certificatePin, parsePin } from '../../../shared/runtime/net/certificate-pin.ts';
import { loadNative } from '../../../shared/runtime/net/native.ts';
import { connectSubflow } from '../../../shared/runtime/net/subflow-connect.ts';
import { SubflowError } from '../../../shared/runtime/net/subflow-error.ts';
import {
  listenForSubflows,
  type SubflowListener,
  type SubflowListenerOptions,
} from '../../../shared/runtime/net/subflow-listener.ts';
import { cipherPreference, SUBFLOW_ALPN } from '../../../shared/runtime/net/subflow-tls.ts';
import type { SubflowTransport } from '../../../shared/runtime/net/subflow-transport.ts';
import type { Uplink } from '../../../shared/runtime/net/uplink.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { type Deferred, deferred } from '../../support/deferred.ts';
import { startSocksRelay } from '../../support/socks-relay.ts';
import { pattern } from './app-pair.ts';

const { native } = loadNative();
const lan: Uplink = { name: 'lan', binding: { kind: 'address', address: '127.0.0.1' }, backup: false };

let identity: { certificate: string; privateKey: string };
beforeAll(async () => {
  identity = await makeCertificate();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Bench {
  readonly listener: SubflowListener;
  readonly port: number;
  readonly failures: string[];
  /** The next subflow or refused handshake. */
  subflow: Deferred<SubflowTransport>;
  failure: Deferred<string>;
}

async function bench(options: Partial<SubflowListenerOptions> = {}): Promise<Bench> {
  const failures: string[] = [];
  const listener = await listenForSubflows({
    addresses: [{ host: '127.0.0.1', port: 0 }],
    ...identity,
    native,
    onSubflow: (transport) => {
      cleanups.push(() => transport.destroy());
      result.subflow.resolve(transport);
    },
    onHandshakeFailed: (remote, reason) => {
      failures.push(`${remote} ${reason}`);
      result.failure.resolve(reason);
    },
    onError: (error) => result.subflow.reject(error),
    ...options,
  });
  const result: Bench = {
    listener,
    port: listener.addresses()[0]!.port,
    failures,
    subflow: deferred(),
    failure: deferred(),
  };
  cleanups.push(() => listener.close());
  return result;
}

async function dial(port: number, uplink = lan, pin = certificatePin(identity.certificate)) {
  const transport = await connectSubflow(
    uplink,
    { host: '127.0.0.1', port },
    { pin, native, timeoutMs: 5000 },
  );
  cleanups.push(() => transport.destroy());
  return transport;
}

/** Everything that comes until the connection ends; `error` is the socket's, if it had one. */
async function drain(socket: Socket): Promise<{ bytes: Buffer; error?: Error }> {
  const pieces: Buffer[] = [];
  let error: Error | undefined;
  socket.on('data', (piece) => pieces.push(piece));
  socket.on('error', (reason) => {
    error = reason;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return { bytes: Buffer.concat(pieces), ...(error ? { error } : {}) };
}

async function rawClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const ignore = { onBytes: () => {}, onWritable: () => {}, onClose: () => {} };

describe('pins', () => {
  test('are the SHA-256 of the DER, whatever form the certificate is in', () => {
    const der = new X509Certificate(identity.certificate).raw;
    const text = `sha256:${createHash('sha256').update(der).digest('base64url')}`;
    expect(certificatePin(identity.certificate).text).toBe(text);
    expect(certificatePin(der).text).toBe(text);
    expect(parsePin(text)).toEqual(certificatePin(der));
  });

  test.each([
    '',
    'sha256:',
    `sha256:${'A'.repeat(42)}`,
    `sha256:${'A'.repeat(44)}`,
    `sha256:${'A'.repeat(42)}B`,
    `sha256:${'A'.repeat(43)}=`,
    `sha256:${'+'.repeat(42)}A`,
    `sha1:${'A'.repeat(43)}`,
  ])('%j is none', (text) => {
    expect(() => parsePin(text)).toThrow(/is not a pin: `sha256:`/);
  });

  test('something else than a certificate has none', () => {
    expect(() => certificatePin('hello')).toThrow(/not a certificate/);
  });
});

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
        onBytes: (bytes: Uint8Array) => {
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
      onBytes: (bytes) => void (up.onBytes(bytes) && upDone.resolve()),
      onWritable: down.next,
      onClose: () => {},
    });
    client.setHandlers({
      onBytes: (bytes) => void (down.onBytes(bytes) && downDone.resolve()),
      onWritable: up.next,
      onClose: () => {},
    });
    up.next();
    down.next();
    await Promise.all([upDone.promise, downDone.promise]);
    expect(up.received().equals(up.sent)).toBe(true);
    expect(down.received().equals(down.sent)).toBe(true);
  });

  test('refuses a second write before onWritable, and an empty one', async () => {
    const { port } = await bench();
    const client = await dial(port);
    client.setHandlers(ignore);
    expect(() => client.write([])).toThrow(/must carry something/);
    client.write([Buffer.alloc(10)]);
    expect(() => client.write([Buffer.alloc(10)])).toThrow(/before onWritable/);
  });

  test('keeps what arrives before setHandlers', async () => {
    const { port, subflow } = await bench();
    const client = await dial(port);
    client.setHandlers(ignore);
    client.write([Buffer.from('early')]);
    const server = await subflow.promise;
    for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
    const bytes = deferred<Uint8Array>();
    server.setHandlers({ ...ignore, onBytes: bytes.resolve });
    expect(Buffer.from(await bytes.promise).toString()).toBe('early');
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

  test.skipIf(native === undefined)('measures its TCP connection at both ends', async () => {
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
    const client = await connectSubflow(lan, { host: '127.0.0.1', port }, { pin, timeoutMs: 5000 });
    cleanups.push(() => client.destroy());
    const server = await subflow.promise;
    const bytes = deferred<Uint8Array>();
    server.setHandlers({ ...ignore, onBytes: bytes.resolve });
    client.setHandlers(ignore);
    client.write([Buffer.from('plain')]);
    expect(Buffer.from(await bytes.promise).toString()).toBe('plain');
    expect(client.measure()).toBeUndefined();
    expect(server.measure()).toBeUndefined();
  });

  test("runs through an upstream SOCKS5 proxy, without the proxy connection's figures", async () => {
    const relay = await startSocksRelay();
    cleanups.push(() => relay.close());
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
      onBytes: (bytes) => {
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

describe('the client', () => {
  test('refuses another certificate, names both pins, and sends nothing', async () => {
    let handedOver = 0;
    const { port, failure } = await bench({
      onSubflow: () => {
        handedOver += 1;
      },
    });
    const other = certificatePin((await makeCertificate()).certificate);
    const attempt = dial(port, lan, other);
    await expect(attempt).rejects.toBeInstanceOf(SubflowError);
    await expect(attempt).rejects.toMatchObject({ code: 'notAuthorized', fault: 'peer' });
    await expect(attempt).rejects.toThrow(
      `expected ${other.text}, saw ${certificatePin(identity.certificate).text}`,
    );
    expect(await failure.promise).toBe('closed by the client');
    expect(handedOver).toBe(0);
  });

  test('sends a server name only where one is set', async () => {
    let name = deferred<string | false>();
    const server = createTlsServer({
      cert: identity.certificate,
      key: identity.privateKey,
      ALPNProtocols: [SUBFLOW_ALPN],
    });
    server.on('secureConnection', (socket) => {
      name.resolve((socket as unknown as { servername: string | false }).servername);
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    await dial(port);
    expect(await name.promise).toBe(false);
    name = deferred();
    const pin = certificatePin(identity.certificate);
    const named = { pin, serverName: 'front.example', timeoutMs: 5000 };
    const subflow = await connectSubflow(lan, { host: '127.0.0.1', port }, named);
    cleanups.push(() => subflow.destroy());
    expect(await name.promise).toBe('front.example');
  });

  test('refuses TLS 1.2, and a server of another protocol', async () => {
    for (const options of [
      { maxVersion: 'TLSv1.2', ALPNProtocols: [SUBFLOW_ALPN] },
      { ALPNProtocols: ['h2'] },
      {},
    ] as const) {
      const server = createTlsServer({
        cert: identity.certificate,
        key: identity.privateKey,
        ...options,
      } as never);
      server.on('tlsClientError', () => {});
      server.on('secureConnection', (socket) => socket.on('error', () => {}));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      cleanups.push(() => server.close());
      await expect(dial((server.address() as AddressInfo).port)).rejects.toBeInstanceOf(SubflowError);
    }
  });

  test('ends in its time limit against a server that never answers, and is clear about one that hangs up', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    const rude = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await Promise.all([once(silent, 'listening'), once(rude, 'listening')]);
    cleanups.push(
      () => silent.close(),
      () => rude.close(),
    );
    const pin = certificatePin(identity.certificate);
    const target = (server: typeof silent) => ({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
    });
    await expect(connectSubflow(lan, target(silent), { pin, native, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'timedOut',
    });
    await expect(connectSubflow(lan, target(rude), { pin, native, timeoutMs: 5000 })).rejects.toThrow(
      /was reached but TLS failed/,
    );
    const controller = new AbortController();
    const pending = connectSubflow(lan, target(silent), {
      pin,
      native,
      timeoutMs: 5000,
      signal: controller.signal,
    });
    setImmediate(() => controller.abort());
    await expect(pending).rejects.toMatchObject({ code: 'cancelled' });
  });
});

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
      cleanups.push(() => clearInterval(drip));
      expect((await drain(client)).bytes).toHaveLength(0);
      expect(await failure.promise).toBe('took too long');
    },
  );

  test('holds a bounded number of handshakes: the oldest gives way, a real client gets through', async () => {
    const { port, failures, subflow } = await bench({ maxHandshakes: 3 });
    const idle = await Promise.all(Array.from({ length: 10 }, () => rawClient(port)));
    const ends = idle.map((socket) => drain(socket));
    const client = await dial(port);
    await subflow.promise;
    expect(client.exporter).toHaveLength(32);
    expect(failures.filter((text) => text.endsWith('gave way to a newer connection')).length).toBe(8);
    await Promise.all(ends.slice(0, 7));
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

  test('issues no session tickets', async () => {
    const { port, subflow } = await bench();
    const client = connectTls({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: [SUBFLOW_ALPN],
    });
    let tickets = 0;
    client.on('session', () => {
      tickets += 1;
    });
    const server = await subflow.promise;
    server.setHandlers(ignore);
    server.write([Buffer.from('after the handshake')]);
    await once(client, 'data');
    expect(client.getProtocol()).toBe('TLSv1.3');
    expect(tickets).toBe(0);
    client.destroy();
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
      (await connectSubflow(uplink, target, { pin, native, timeoutMs: 5000 })).destroy();
    }
    const taken = addresses[0]!;
    await expect(bench({ addresses: [{ host: '127.0.0.1', port: 0 }, taken] })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${taken.port}: another program already listens there`,
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
    const bytes = deferred<Uint8Array>();
    client.setHandlers({ ...ignore, onBytes: bytes.resolve });
    server.setHandlers(ignore);
    server.write([Buffer.from('still here')]);
    expect(Buffer.from(await bytes.promise).toString()).toBe('still here');
  });

  test('a congestion control that cannot be had is a warning, not a failure', async () => {
    const warnings: string[] = [];
    const { port } = await bench({ congestionControl: 'no-such', onWarning: (text) => warnings.push(text) });
    await dial(port);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('congestion control no-such cannot be set');
  });
});

test('AES-128-GCM comes first where the processor has it, ChaCha20 where not', () => {
  expect(cipherPreference(true)).toMatch(/^TLS_AES_128_GCM_SHA256:/);
  expect(cipherPreference(false)).toMatch(/^TLS_CHACHA20_POLY1305_SHA256:/);
});
