import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCleanups } from '../support/cleanups.ts';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { type Origin, startEcho, startOrigin } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readAll, readBytes, socksConnect } from './support/socks-client.ts';

const MEGABYTE = 1_000_000;

describe('streams through the pair', () => {
  let pair: Pair;
  const onCleanup = useCleanups();
  beforeAll(async () => {
    pair = await Pair.start();
  });
  afterAll(() => pair.close());

  it('carries 500 connections at a time, each with its own content', { timeout: 180_000 }, async () => {
    const origin = await servedBy(
      await startOrigin(async (socket) => {
        const number = (await readBytes(socket, 4)).readUInt32BE();
        socket.end(contentOf(number));
      }),
    );
    const fetchOne = async (number: number) => {
      const { reply, socket } = await socksConnect(pair.socks, origin);
      expect(reply).toBe(0);
      const question = Buffer.alloc(4);
      question.writeUInt32BE(number);
      socket.end(question);
      const { bytes, error } = await readAll(socket);
      return error === undefined && bytes.equals(contentOf(number));
    };
    const results = await Promise.all(Array.from({ length: 500 }, (_, number) => fetchOne(number)));
    expect(results.filter((isRight) => !isRight)).toEqual([]);
    await expectNoStreams();
  });

  it('lets the origin answer after the client has finished sending', async () => {
    const origin = await servedBy(await startOrigin());
    const accepted = origin.nextConnection();
    const { socket } = await socksConnect(pair.socks, origin);
    const sent = sendBytes(socket, MEGABYTE);
    const atOrigin = await accepted;
    expect(await hashBytes(atOrigin)).toEqual({ sha256: await sent, length: MEGABYTE });
    const answered = sendBytes(atOrigin, MEGABYTE);
    expect(await hashBytes(socket)).toEqual({ sha256: await answered, length: MEGABYTE });
    await expectNoConnections(origin);
  });

  it('lets the client go on after the origin has finished sending', async () => {
    const origin = await servedBy(await startOrigin());
    const accepted = origin.nextConnection();
    const { socket } = await socksConnect(pair.socks, origin);
    const atOrigin = await accepted;
    const sent = sendBytes(atOrigin, MEGABYTE);
    expect(await hashBytes(socket)).toEqual({ sha256: await sent, length: MEGABYTE });
    const answered = sendBytes(socket, MEGABYTE);
    expect(await hashBytes(atOrigin)).toEqual({ sha256: await answered, length: MEGABYTE });
    await expectNoConnections(origin);
  });

  it("shows the client the origin's reset, not a complete transfer", async () => {
    const origin = await servedBy(
      await startOrigin((socket) => {
        socket.write(Buffer.alloc(1000));
        // The client has seen the data and says so.
        socket.once('data', () => socket.resetAndDestroy());
      }),
    );
    const { socket } = await socksConnect(pair.socks, origin);
    await readBytes(socket, 1000);
    socket.write('now');
    expect((await readAll(socket)).error).toBe('ECONNRESET');
  });

  it.each(['resets', 'closes'] as const)(
    'closes the origin within a second when the client %s amid a download',
    async (how) => {
      const origin = await servedBy(
        await startOrigin((socket) => {
          // As long as anybody takes it.
          const send = () => {
            while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
          };
          socket.on('drain', send);
          send();
        }),
      );
      const accepted = origin.nextConnection();
      const { socket } = await socksConnect(pair.socks, origin);
      const atOrigin = await accepted;
      await readBytes(socket, MEGABYTE);
      const gone = closedWithin(1_000, atOrigin);
      if (how === 'resets') socket.resetAndDestroy();
      else socket.destroy();
      await gone;
    },
  );

  it('resets the origin within a second when an idle client resets', async () => {
    const origin = await servedBy(await startOrigin());
    const accepted = origin.nextConnection();
    const { socket } = await socksConnect(pair.socks, origin);
    const atOrigin = (await accepted).resume();
    const gone = closedWithin(1_000, atOrigin);
    socket.resetAndDestroy();
    await gone;
  });

  it('reaches an origin by IPv6 address', async () => {
    await expectEcho(await servedBy(await startEcho('::1')), {});
  });

  it('reaches an origin by the name localhost', async () => {
    const origin = await servedBy(await startEcho());
    await expectEcho({ host: 'localhost', port: origin.port }, { asName: true });
  });

  it('takes an address in the form of a name', async () => {
    await expectEcho(await servedBy(await startEcho()), { asName: true });
  });

  it.each([1, 1000, 65_536, 300_000])('delivers %d bytes of early data first', async (length) => {
    const origin = await servedBy(await startEcho());
    const earlyData = Buffer.concat(Array(Math.ceil(length / 20_000)).fill(contentOf(length)), length);
    const { reply, socket } = await socksConnect(pair.socks, origin, { earlyData });
    expect(reply).toBe(0);
    socket.end('the rest');
    const echoed = await readAll(socket);
    expect(echoed.error).toBeUndefined();
    expect(echoed.bytes.equals(Buffer.concat([earlyData, Buffer.from('the rest')]))).toBe(true);
  });

  it('holds a sender back whose origin does not read, and nobody else', async () => {
    const stuck = await servedBy(await startOrigin((socket) => socket.pause()));
    const { socket } = await socksConnect(pair.socks, stuck);
    // More than any window and all kernels' buffers hold.
    for (let i = 0; i < 64; i += 1) socket.write(Buffer.alloc(MEGABYTE));
    await expectEcho(await servedBy(await startEcho()), {});
    const metrics = await pair.metrics('concentrator');
    expect(metrics.sum('process_resident_memory_bytes')).toBeLessThan(400 * MEGABYTE);
    expect(socket.writableLength).toBeGreaterThan(0);
    socket.resetAndDestroy();
    // A proxy that holds its client back reads nothing either: it notices once there is room again. Asked of the
    // pair, since libuv shows a reset behind unread data as an end.
    for (const atOrigin of stuck.sockets) atOrigin.resume();
    await expectNoStreams();
  });

  async function expectNoStreams(): Promise<void> {
    for (const program of ['client', 'concentrator'] as const) {
      const streams = async () => (await pair.metrics(program)).sum('tributary_streams');
      await expect.poll(streams, { timeout: 5_000 }).toBe(0);
    }
  }

  async function expectEcho(
    destination: { host: string; port: number },
    options: { asName?: boolean },
  ): Promise<void> {
    const { reply, socket } = await socksConnect(pair.socks, destination, options);
    expect(reply).toBe(0);
    socket.end('hello');
    expect(await readAll(socket)).toEqual({ bytes: Buffer.from('hello'), error: undefined });
  }

  async function servedBy(origin: Origin): Promise<Origin> {
    onCleanup(() => origin.close());
    return origin;
  }
});

async function expectNoConnections(origin: Origin): Promise<void> {
  await expect.poll(() => origin.sockets.size, { timeout: 2_000 }).toBe(0);
}

/** Rejects when it takes longer; an error on the way, a reset for one, is all right. */
function closedWithin(limitMs: number, socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not closed within ${limitMs} ms`)), limitMs);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** 20000 bytes that belong to one number. */
function contentOf(number: number): Buffer {
  return Buffer.alloc(20_000, `connection ${number}, `);
}
