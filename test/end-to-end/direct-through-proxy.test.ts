import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SocksRelay, startSocksRelay } from '../support/socks-relay.ts';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { startEcho, startOrigin } from './support/origin.ts';
import { ORIGIN_NAME, Pair } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

const LOGIN = { user: 'tributary', password: 'secret' };
const BYTES = 20_000_000;

describe('a rule that says: direct, over an uplink that is another proxy', () => {
  let relay: SocksRelay;
  let pair: Pair;
  beforeAll(async () => {
    relay = await startSocksRelay(LOGIN, { [ORIGIN_NAME]: '127.0.0.1' });
    pair = await Pair.start({
      client: {
        uplinks: [
          { name: 'left', address: '127.0.0.2' },
          { name: 'right', proxy: `socks5://${LOGIN.user}:${LOGIN.password}@127.0.0.1:${relay.port}` },
        ],
        steering: { rules: [{ host: [ORIGIN_NAME, '*.test', 'localhost'], direct: 'right' }] },
      },
    });
  });
  afterAll(async () => {
    await pair.close();
    await relay.close();
  });

  it('brings all bytes both ways through it, its name unresolved, and nothing through the concentrator', async () => {
    const origin = await startEcho();
    const destination = { host: ORIGIN_NAME, port: origin.port };
    const { reply, socket } = await socksConnect(pair.socks, destination);
    expect(reply).toBe(0);
    const [sent, received] = await Promise.all([sendBytes(socket, BYTES), hashBytes(socket)]);
    expect(received).toEqual({ sha256: sent, length: BYTES });
    expect(relay.requests).toContain(`${ORIGIN_NAME}:${origin.port}`);
    const metrics = await pair.metrics('client');
    for (const direction of ['sent', 'received']) {
      const counted = metrics.sum('tributary_uplink_direct_bytes_total', { uplink: 'right', direction });
      expect(counted).toBe(BYTES);
    }
    expect(metrics.sum('tributary_direct_opens_total', { result: 'ok' })).toBe(1);
    expect((await pair.metrics('concentrator')).sum('tributary_stream_opens_total')).toBe(0);
    await origin.close();
  });

  it('brings what an origin says first, and early data first of all', async () => {
    const heard: Buffer[] = [];
    const origin = await startOrigin((socket) => {
      socket.write('220 ready\n');
      socket.on('data', (bytes) => heard.push(bytes));
      socket.on('end', () => socket.end('bye\n'));
    });
    const destination = { host: ORIGIN_NAME, port: origin.port };
    const earlyData = Buffer.from('early, ');
    const { reply, socket } = await socksConnect(pair.socks, destination, { earlyData });
    expect(reply).toBe(0);
    socket.end('then the rest');
    expect((await readAll(socket)).bytes.toString()).toBe('220 ready\nbye\n');
    expect(Buffer.concat(heard).toString()).toBe('early, then the rest');
    await origin.close();
  });

  it.each([
    ['refuses', { host: ORIGIN_NAME, port: 9 }, 5],
    ['is unknown', { host: 'nothing.test', port: 80 }, 4],
    ['is this machine', { host: 'localhost', port: 80 }, 2],
  ])('says so when the destination %s', async (_, destination, expected) => {
    expect((await socksConnect(pair.socks, destination)).reply).toBe(expected);
  });
});
