import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeControl } from '../../shared/protocol/codec/frame.ts';
import { FIRST_INBOUND_STREAM } from '../../shared/protocol/codec/wire.ts';
import { type Origin, startEcho } from '../end-to-end/support/origin.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { readAll, socksConnect } from '../end-to-end/support/socks-client.ts';
import { RogueClient } from '../end-to-end/support/subflow-client.ts';
import { eventually } from '../support/eventually.ts';
import { descriptorsOf } from './support/attack.ts';

const HONEST = 23_001;
const SILENT = 23_002;
const ROGUES = { from: 23_100, to: 33_199 };
const VISITORS = 100;
const PUBLISH_MOST = 64;

describe('publications and their visitors', { timeout: 180_000 }, () => {
  let pair: Pair;
  let echo: Origin;

  beforeAll(async () => {
    echo = await startEcho();
    pair = await Pair.start({
      otherClients: ['rogue', 'silent'],
      publish: { laptop: [HONEST], rogue: [`${ROGUES.from}-${ROGUES.to}`], silent: [SILENT] },
      concentrator: { limits: { visitorsPerClient: VISITORS, visitorsPerSecond: 10_000 } },
    });
    const to = `127.0.0.1:${echo.port}`;
    await pair.reconfigureClient({ publish: [{ listen: `${pair.host}:${HONEST}`, to }] });
    await pair.client.untilLine('published at the concentrator');
  });

  afterAll(async () => {
    await pair.close();
    await echo.close();
  });

  async function visit(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ host: pair.host, port, localAddress, allowHalfOpen: true });
    socket.on('error', () => {});
    await once(socket, 'connect').catch(() => {});
    return socket;
  }

  /** The honest client's port serves a visitor from an address of its own, and its applications have their streams. */
  async function expectServed(): Promise<void> {
    const socket = await visit(HONEST, '127.0.0.99');
    socket.end('served');
    expect((await readAll(socket)).bytes.toString()).toBe('served');
    const { reply, socket: application } = await socksConnect(pair.socks, echo);
    application.end('streamed');
    expect([reply, (await readAll(application)).bytes.toString()]).toEqual([0, 'streamed']);
  }

  const rogue = (id = 'rogue') => RogueClient.connect(pair, pair.identityOf(id));

  it('a client that publishes ten thousand ports has 64', async () => {
    const before = await descriptorsOf(pair.concentrator.pid);
    const client = await rogue();
    for (let i = 0; i < 10_000; i++) {
      const publish = { type: 'publish', slot: i % 256, generation: 1 + Math.floor(i / 256) } as const;
      const place = { withdrawn: false, once: false, port: ROGUES.from + i, host: pair.host };
      client.socket.write(encodeControl({ ...publish, ...place }));
    }
    const reached = () =>
      pair.metrics('concentrator').then((all) => all.sum('tributary_limits_reached_total'));
    await vi.waitFor(async () => expect(await reached()).toBeGreaterThan(7_000), { timeout: 30_000 });
    const opened = (await descriptorsOf(pair.concentrator.pid)) - before;
    console.log(`10000 publications: ${opened} descriptors more`);
    expect(opened).toBeLessThanOrEqual(PUBLISH_MOST + 10);
    await expectServed();
    client.socket.destroy();
  });

  it('a client that answers no visitor has so many, and then they are refused', async () => {
    const client = await rogue('silent');
    const publish = { type: 'publish', slot: 0, generation: 1, withdrawn: false, once: false } as const;
    client.socket.write(encodeControl({ ...publish, port: SILENT, host: pair.host }));
    await eventually(() => expect(client.frames.some(({ type }) => type === 'published')).toBe(true));
    const before = await descriptorsOf(pair.concentrator.pid);
    const sockets = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => visit(SILENT, `127.0.1.${i % 200}`)),
    );
    for (const socket of sockets) socket.resume();
    await eventually(() => {
      expect(sockets.filter(({ destroyed }) => destroyed).length).toBe(1_000 - VISITORS);
    });
    const held = (await descriptorsOf(pair.concentrator.pid)) - before;
    console.log(`1000 visitors of a client that does not answer: ${held} descriptors more`);
    expect(held).toBeLessThanOrEqual(VISITORS + 10);
    await expectServed();
    for (const socket of sockets) socket.destroy();
    client.socket.destroy();
  });

  it('visitors of one address who say nothing leave the other half to others', async () => {
    const sockets = await Promise.all(Array.from({ length: 4 * VISITORS }, () => visit(HONEST)));
    for (const socket of sockets) socket.resume();
    await eventually(() => {
      expect(sockets.filter(({ destroyed }) => !destroyed)).toHaveLength(VISITORS / 2);
    });
    await expectServed();
    for (const socket of sockets) socket.destroy();
    await eventually(async () => {
      const all = await pair.metrics('concentrator');
      // Those of the client that answers nobody wait for the end of its session.
      expect(all.sum('tributary_visitors')).toBeLessThanOrEqual(VISITORS);
    });
  });

  it('frames for inbound streams that do not exist change nothing', async () => {
    const client = await rogue();
    const streamId = FIRST_INBOUND_STREAM + 5;
    client.socket.write(
      Buffer.concat([
        encodeControl({ type: 'opened', streamId, limit: 1e6, ok: true, code: 0 }),
        encodeControl({ type: 'window', streamId, ack: 0, limit: 1e6 }),
        encodeControl({ type: 'reset', streamId, code: 0x60 }),
        encodeControl({ type: 'ping' }),
      ]),
    );
    await eventually(() => expect(client.frames.some(({ type }) => type === 'receipt')).toBe(true));
    expect(client.socket.destroyed).toBe(false);
    await expectServed();
    client.socket.destroy();
  });
});
