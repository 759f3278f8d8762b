import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import { SubflowError } from '../../../client-proxy/uplink/subflow-error.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { cipherPreference, SUBFLOW_ALPN } from '../../../shared/runtime/subflow/subflow-tls.ts';
import { bench, dial, identity, lan, native, receivePool } from '../../runtime/subflow/subflow-bench.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { deferred } from '../../support/deferred.ts';

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
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await dial(port);
    expect(await name.promise).toBe(false);
    name = deferred();
    const pin = certificatePin(identity.certificate);
    const named = { pins: [pin], pool: receivePool, serverName: 'front.example', timeoutMs: 5000 };
    const subflow = await connectSubflow(lan, { host: '127.0.0.1', port }, named);
    onTestFinished(() => subflow.destroy());
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
      onTestFinished(() => void server.close());
      await expect(dial((server.address() as AddressInfo).port)).rejects.toBeInstanceOf(SubflowError);
    }
  });

  test('ends in its time limit against a server that never answers, and is clear about one that hangs up', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    const rude = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await Promise.all([once(silent, 'listening'), once(rude, 'listening')]);
    onTestFinished(() => void silent.close());
    onTestFinished(() => void rude.close());
    const pin = certificatePin(identity.certificate);
    const target = (server: typeof silent) => ({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
    });
    await expect(
      connectSubflow(lan, target(silent), { pins: [pin], pool: receivePool, native, timeoutMs: 100 }),
    ).rejects.toMatchObject({
      code: 'timedOut',
    });
    await expect(
      connectSubflow(lan, target(rude), { pins: [pin], pool: receivePool, native, timeoutMs: 5000 }),
    ).rejects.toThrow(/was reached but TLS failed/);
    const controller = new AbortController();
    const pending = connectSubflow(lan, target(silent), {
      pins: [pin],
      pool: receivePool,
      native,
      timeoutMs: 5000,
      signal: controller.signal,
    });
    setImmediate(() => controller.abort());
    await expect(pending).rejects.toMatchObject({ code: 'cancelled' });
  });
});

test('AES-128-GCM comes first where the processor has it, ChaCha20 where not', () => {
  expect(cipherPreference(true)).toMatch(/^TLS_AES_128_GCM_SHA256:/);
  expect(cipherPreference(false)).toMatch(/^TLS_CHACHA20_POLY1305_SHA256:/);
});
