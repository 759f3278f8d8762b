import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { Pair } from './support/pair.ts';
import { readBytes } from './support/socks-client.ts';

const MEGABYTE = 1_000_000;

/** Below those that the kernel chooses for others. */
const PUBLISHED = { from: 24_300, to: 24_301 };
const BIND_PORTS = { from: 24_310, to: 24_319 };

describe('BIND', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({ concentrator: { limits: { bindsPerClient: 2 } } });
  });
  afterAll(() => pair.close());

  it('tells where it waits, then who has come, and carries what both say', async () => {
    const application = await bind(pair, '127.0.0.1');
    const place = await reply(application);
    expect(place).toMatchObject({ code: 0, host: '127.0.0.1' });
    const server = await come(place.port, '127.0.0.1');
    expect(await reply(application)).toEqual({ code: 0, host: '127.0.0.1', port: server.localPort });
    const down = sendBytes(server, MEGABYTE);
    expect(await hashBytes(application)).toEqual({ sha256: await down, length: MEGABYTE });
    const up = sendBytes(application, MEGABYTE);
    expect(await hashBytes(server)).toEqual({ sha256: await up, length: MEGABYTE });
    // It was for one connection.
    await expect(come(place.port, '127.0.0.1')).rejects.toThrow('ECONNREFUSED');
  });

  it('takes no connection from elsewhere', async () => {
    const application = await bind(pair, '127.0.0.1');
    const { port } = await reply(application);
    const stranger = await come(port, '127.0.0.77');
    stranger.resume();
    await new Promise((resolve) => stranger.once('close', resolve));
    await come(port, '127.0.0.1');
    expect((await reply(application)).code).toBe(0);
    application.destroy();
  });

  it('is refused for a host where nobody may connect, and beyond the limit', async () => {
    expect((await reply(await bind(pair, '10.0.0.1'))).code).toBe(2);
    const waiting = [await bind(pair, '127.0.0.1'), await bind(pair, '127.0.0.1')];
    const ports = await Promise.all(waiting.map(reply));
    expect((await reply(await bind(pair, '127.0.0.1'))).code).toBe(1);
    for (const socket of waiting) socket.destroy();
    // Whoever waits no longer gives the place back, and the port.
    await eventually(async () => expect((await reply(await bind(pair, '127.0.0.1'))).code).toBe(0));
    await expect(come(ports[0]!.port, '127.0.0.1')).rejects.toThrow('ECONNREFUSED');
    const metrics = await pair.metrics('client');
    expect(metrics.sum('tributary_binds_total', { result: 'ok' })).toBe(2);
  });
});

describe('BIND with ports of its own, and from anybody', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({
      client: { socks: { bindFromAnyone: true } },
      publish: { laptop: [`${PUBLISHED.from}-${PUBLISHED.to}`] },
      concentrator: {
        public: ['127.0.0.1:28443'],
        visitors: { bindPorts: `${BIND_PORTS.from}-${BIND_PORTS.to}` },
      },
    });
  });
  afterAll(() => pair.close());

  it('waits for a host where the firewall lets it', async () => {
    const application = await bind(pair, '127.0.0.1');
    const { code, port } = await reply(application);
    expect(code).toBe(0);
    expect(port).toBeGreaterThanOrEqual(BIND_PORTS.from);
    expect(port).toBeLessThanOrEqual(BIND_PORTS.to);
    application.destroy();
  });

  it('waits for anybody at a port that the client may publish, and counts who has come', async () => {
    const application = await bind(pair, '0.0.0.0');
    const { code, host, port } = await reply(application);
    expect([code, host]).toEqual([0, '127.0.0.1']);
    expect(port).toBeGreaterThanOrEqual(PUBLISHED.from);
    expect(port).toBeLessThanOrEqual(PUBLISHED.to);
    const visitor = await come(port, '127.0.0.77');
    expect(await reply(application)).toEqual({ code: 0, host: '127.0.0.77', port: visitor.localPort });
    const visitors = async () =>
      (await pair.metrics('concentrator')).sum('tributary_visitors', { by: 'bind' });
    expect(await visitors()).toBe(1);
    const down = sendBytes(visitor, MEGABYTE);
    expect(await hashBytes(application)).toEqual({ sha256: await down, length: MEGABYTE });
    application.destroy();
    await eventually(async () => expect(await visitors()).toBe(0));
  });

  it('waits for nobody else where the client may publish nothing any more', async () => {
    await pair.grant({});
    expect((await reply(await bind(pair, '0.0.0.0'))).code).toBe(2);
  });
});

/** A connection that has asked for BIND, for a host as a name or address in text. */
async function bind(pair: Pair, host: string): Promise<Socket> {
  const socket = connect({ ...pair.socks, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.of(5, 1, 0));
  expect([...(await readBytes(socket, 2))]).toEqual([5, 0]);
  socket.write(Buffer.concat([Buffer.of(5, 2, 0, 3, host.length), Buffer.from(host), Buffer.of(0, 0)]));
  return socket;
}

/** A reply that has an IPv4 address. */
async function reply(socket: Socket): Promise<{ code: number; host: string; port: number }> {
  const bytes = await readBytes(socket, 10);
  return { code: bytes[1]!, host: [...bytes.subarray(4, 8)].join('.'), port: bytes.readUInt16BE(8) };
}

async function come(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
