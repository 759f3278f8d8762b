import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { needs } from '../support/needs.ts';
import { type SocksRelay, startSocksRelay } from '../support/socks-relay.ts';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { startEcho } from './support/origin.ts';
import { ORIGIN_NAME, Pair } from './support/pair.ts';
import { socksConnect } from './support/socks-client.ts';

const LOGIN = { user: 'tributary', password: 'secret' };
const BYTES = 2_000_000;

describe('the fallback over uplinks that are other proxies', needs('mounts'), () => {
  let relays: readonly SocksRelay[];
  let pair: Pair;
  beforeAll(async () => {
    relays = await Promise.all([1, 2].map(() => startSocksRelay(LOGIN, { [ORIGIN_NAME]: '127.0.0.1' })));
    pair = await Pair.start({
      nameServer: true,
      client: {
        fallback: { to: 'direct', after: '1s' },
        direct: { sticky: '0s' },
        uplinks: relays.map(({ port }, i) => ({
          name: `proxy${i}`,
          proxy: `socks5://${LOGIN.user}:${LOGIN.password}@127.0.0.1:${port}`,
        })),
      },
    });
  });
  afterAll(async () => {
    await pair.close();
    await Promise.all(relays.map((relay) => relay.close()));
  });

  it('uses all of them, leaves names to them, and reaches this machine by none', {
    timeout: 180_000,
  }, async () => {
    const origin = await startEcho();
    const destination = { host: ORIGIN_NAME, port: origin.port };
    await pair.concentrator.kill();
    // They wait for the fallback.
    const connections = await Promise.all(
      Array.from({ length: 6 }, () => socksConnect(pair.socks, destination)),
    );
    expect(connections.map(({ reply }) => reply)).toEqual([0, 0, 0, 0, 0, 0]);
    const exchanged = await Promise.all(
      connections.map(({ socket }) => Promise.all([sendBytes(socket, BYTES), hashBytes(socket)])),
    );
    for (const [sha256, received] of exchanged) expect(received).toEqual({ sha256, length: BYTES });
    for (const { requests } of relays) expect(requests).toContain(`${ORIGIN_NAME}:${origin.port}`);
    for (const host of ['127.0.0.1', 'localhost', '10.0.0.1'])
      expect((await socksConnect(pair.socks, { host, port: origin.port })).reply, host).toBe(2);
    const metrics = await pair.metrics('client');
    expect(metrics.sum('tributary_direct_requests_total', { reason: 'waited' })).toBe(6);
    expect(metrics.sum('tributary_direct_attempts_total', { result: 'ok' })).toBe(6);
    for (const name of ['proxy0', 'proxy1'])
      expect(metrics.sum('tributary_uplink_direct_bytes_total', { uplink: name, direction: 'sent' })).toBe(
        3 * BYTES,
      );
    await origin.close();
  });

  it('ends for plain HTTP, too, which keeps its connections', { timeout: 180_000 }, async () => {
    const origin = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { host, port } = pair.socks;
    const path = `http://${ORIGIN_NAME}:${(origin.address() as AddressInfo).port}/`;
    const ask = async () => {
      const outgoing = request({ host, port, path, agent }).end();
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
      answer.resume();
      await once(answer, 'end');
      return answer.statusCode;
    };
    const opens = async () =>
      (await pair.metrics('client')).sum('tributary_stream_opens_total', { result: 'ok' });
    expect([await ask(), await opens()]).toEqual([200, 0]);
    await pair.startConcentrator();
    // More often than a connection without a request ends by itself.
    await vi.waitFor(async () => expect([await ask(), await opens()]).toEqual([200, 1]), {
      timeout: 20_000,
      interval: 300,
    });
    agent.destroy();
    origin.close();
    origin.closeAllConnections();
  });
});
