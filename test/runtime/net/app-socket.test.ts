import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { PooledChunk } from '../../../shared/runtime/net/app-chunk.ts';
import type { AppChunk, AppSocket } from '../../../shared/runtime/net/app-socket.ts';
import { connectAppSocket } from '../../../shared/runtime/net/app-socket-connect.ts';
import { acceptAppSockets } from '../../../shared/runtime/net/app-socket-listener.ts';
import {
  BLOCK_BYTES,
  BlockPool,
  HEADROOM_BYTES,
  READ_BYTES,
} from '../../../shared/runtime/net/block-pool.ts';
import { loadNative } from '../../../shared/runtime/net/native.ts';
import { deferred } from '../../support/deferred.ts';
import { appPair, pattern, Recorder } from './app-pair.ts';

const { native } = loadNative();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
});

async function pair(options: Parameters<typeof appPair>[0] = {}) {
  const result = await appPair(options);
  cleanups.push(result.close);
  return result;
}

/** Collects until the peer has finished sending. */
async function readAll(peer: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  peer.on('data', (piece) => pieces.push(piece));
  await once(peer, 'end');
  return Buffer.concat(pieces);
}

describe.each([
  ['reads into pooled memory', {}],
  ['plain reads, without handles', { takeHandle: () => undefined }],
])('accepted AppSocket, %s', (_name, options) => {
  test('echoes a large transfer byte for byte past a slow reader', async () => {
    const { app, peer, pool } = await pair(options);
    const sent = pattern(24 * 1024 * 1024);
    let paused = 0;
    const closed = deferred<Error | undefined>();
    app.setHandlers({
      onChunk: (chunk) => {
        const room = app.write(chunk.bytes, () => chunk.release());
        if (!room) {
          paused += 1;
          app.pause();
        }
      },
      onDrain: () => app.resume(),
      onEnd: () => app.end(),
      onClose: closed.resolve,
    });
    app.resume();
    peer.end(sent);
    const pieces: Buffer[] = [];
    for await (const piece of peer) {
      pieces.push(piece as Buffer);
      // A reader that takes one turn of the event loop for each piece falls behind.
      await new Promise(setImmediate);
    }
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect(paused).toBeGreaterThan(0);
    expect(await closed.promise).toBeUndefined();
    expect(pool.usedBytes).toBe(0);
  });

  test('half-close: the peer finishes first and still reads the answer', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    peer.end('question');
    await seen.end.promise;
    expect(seen.bytes.toString()).toBe('question');
    expect(seen.closed).toBe(0);
    const answer = pattern(1_000_000, 7);
    app.write(answer);
    app.end();
    expect((await readAll(peer)).equals(answer)).toBe(true);
    await seen.close.promise;
    expect(seen).toMatchObject({ ended: 1, closed: 1, error: undefined });
  });

  test('half-close: we finish first and still read what comes', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    app.write(Buffer.from('bye'));
    app.end();
    expect((await readAll(peer)).toString()).toBe('bye');
    const late = pattern(300_000, 3);
    peer.end(late);
    await seen.close.promise;
    expect(seen.bytes.equals(late)).toBe(true);
    expect(seen).toMatchObject({ ended: 1, closed: 1, error: undefined });
  });

  test('destroy("reset") is an error at the other side', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    app.destroy('reset');
    const [error] = (await once(peer, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    await seen.close.promise;
    app.destroy('reset');
    app.destroy();
    expect(seen).toMatchObject({ closed: 1, ended: 0, error: undefined });
  });

  test('destroy("reset") right after end() still closes, once', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    peer.on('error', () => {});
    app.write(Buffer.from('x'));
    app.end();
    await once(peer, 'readable');
    app.destroy('reset');
    await seen.close.promise;
    expect(seen.closed).toBe(1);
  });

  test.each([0, 1, 2, 3])(
    'destroy("reset") %i turns after end() with nothing to send closes once',
    async (turns) => {
      const { app, peer } = await pair(options);
      const seen = new Recorder();
      app.setHandlers(seen);
      app.resume();
      peer.on('error', () => {});
      app.end();
      for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
      app.destroy('reset');
      await seen.close.promise;
      expect(seen.closed).toBe(1);
    },
  );

  test('a reset by the peer ends in one onClose with its error', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    peer.resetAndDestroy();
    await seen.close.promise;
    expect(seen.closed).toBe(1);
    expect((seen.error as NodeJS.ErrnoException).code).toBe('ECONNRESET');
  });

  test('nothing is read before resume, nor after pause', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    await new Promise<void>((resolve) => peer.write('first', () => resolve()));
    // The data is in our kernel: loopback delivers within the write.
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    expect(seen.chunks).toHaveLength(0);
    const first = deferred<AppChunk>();
    app.setHandlers({
      onChunk: (chunk) => {
        app.pause();
        first.resolve(chunk);
      },
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {},
    });
    app.resume();
    expect(Buffer.from((await first.promise).bytes).toString()).toBe('first');
    app.setHandlers(seen);
    await new Promise<void>((resolve) => peer.write('second', () => resolve()));
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    expect(seen.chunks).toHaveLength(0);
    app.resume();
    peer.end();
    await seen.end.promise;
    expect(seen.bytes.toString()).toBe('second');
  });

  test('onWritten runs for each write, when the bytes are out; write answers false to a full pipe', async () => {
    const { app, peer } = await pair(options);
    const seen = new Recorder();
    app.setHandlers(seen);
    let written = 0;
    let accepted = 0;
    const count = () => {
      written += 1;
    };
    let room = true;
    for (let i = 0; i < 1000 && room; i += 1) {
      room = app.write(pattern(65536, i), count);
      accepted += 1;
    }
    expect(room).toBe(false);
    expect(written).toBe(0);
    app.end();
    expect((await readAll(peer)).length).toBe(accepted * 65536);
    expect(written).toBe(accepted);
    peer.end();
    app.resume();
    await seen.close.promise;
    expect(app.write(Buffer.from('x'), count)).toBe(false);
    expect(written).toBe(accepted);
  });
});

describe('memory of chunks', () => {
  test('is never reused before release: held long, released late and out of order', async () => {
    const pool = new BlockPool(40 * BLOCK_BYTES);
    const { app, peer } = await pair({ pool });
    const sent = pattern(32 * 1024 * 1024, 99);
    const held: { chunk: AppChunk; offset: number }[] = [];
    let offset = 0;
    let corrupted = 0;
    let pooled = 0;
    const releaseOne = (index: number) => {
      const [entry] = held.splice(index, 1);
      if (entry === undefined) return;
      const { chunk, offset: start } = entry;
      if (!sent.subarray(start, start + chunk.bytes.length).equals(chunk.bytes)) corrupted += 1;
      // Whoever reads this memory from now on without owning it shows.
      chunk.bytes.fill(0);
      chunk.release();
    };
    const closed = deferred<void>();
    app.setHandlers({
      onChunk: (chunk) => {
        expect(chunk.headroomBytes).toBe(HEADROOM_BYTES);
        expect(chunk.bytes.byteOffset).toBeGreaterThanOrEqual(HEADROOM_BYTES);
        if (chunk instanceof PooledChunk) pooled += 1;
        new Uint8Array(chunk.bytes.buffer, chunk.bytes.byteOffset - HEADROOM_BYTES, HEADROOM_BYTES).fill(
          0xee,
        );
        held.push({ chunk, offset });
        offset += chunk.bytes.length;
        // From the middle, so that the order of release is far from that of arrival.
        while (held.length > 60) releaseOne((offset * 31) % held.length);
      },
      onDrain: () => {},
      onEnd: () => app.end(),
      onClose: () => closed.resolve(),
    });
    app.resume();
    peer.resume();
    peer.end(sent);
    await closed.promise;
    while (held.length > 0) releaseOne(held.length >> 1);
    expect(offset).toBe(sent.length);
    expect(corrupted).toBe(0);
    expect(pooled).toBeGreaterThan(0);
    expect(pool.usedBytes).toBe(0);
  });

  test('an exhausted pool slows nothing to a stop, and a second release is refused', async () => {
    const pool = new BlockPool(2 * BLOCK_BYTES);
    const { app, peer } = await pair({ pool });
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    const sent = pattern(8 * 1024 * 1024, 5);
    peer.end(sent);
    await seen.end.promise;
    expect(pool.usedBytes).toBeLessThanOrEqual(2 * BLOCK_BYTES);
    expect(seen.bytes.equals(sent)).toBe(true);
    for (const chunk of seen.chunks) chunk.release();
    expect(pool.usedBytes).toBe(0);
    const pooled = seen.chunks.find((chunk) => chunk instanceof PooledChunk);
    expect(() => pooled?.release()).toThrow(/released twice/);
  });

  test('a quiet connection pins no block, a bulk one fills whole ones', async () => {
    const { app, peer, pool } = await pair();
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    peer.write('small');
    await new Promise<void>((resolve) => {
      app.setHandlers({
        onChunk: () => resolve(),
        onEnd: () => {},
        onDrain: () => {},
        onClose: () => {},
      });
    });
    expect(pool.usedBytes).toBe(0);
    app.setHandlers(seen);
    peer.end(pattern(16 * 1024 * 1024));
    await seen.end.promise;
    expect(Math.max(...seen.chunks.map((chunk) => chunk.bytes.length))).toBe(READ_BYTES);
    for (const chunk of seen.chunks) chunk.release();
    expect(pool.usedBytes).toBe(0);
  });

  test('many connections that share the pool do not mix their bytes', async () => {
    const pool = new BlockPool(8 * BLOCK_BYTES);
    const pairs = await Promise.all(Array.from({ length: 16 }, () => pair({ pool })));
    await Promise.all(
      pairs.map(async ({ app, peer }, seed) => {
        const sent = pattern(2 * 1024 * 1024, seed + 1);
        const closed = deferred<void>();
        app.setHandlers({
          onChunk: (chunk) => {
            app.write(chunk.bytes, () => chunk.release());
          },
          onDrain: () => {},
          onEnd: () => app.end(),
          onClose: () => closed.resolve(),
        });
        app.resume();
        peer.end(sent);
        expect((await readAll(peer)).equals(sent)).toBe(true);
        await closed.promise;
      }),
    );
    expect(pool.usedBytes).toBe(0);
  });
});

describe('connectAppSocket', () => {
  async function origin(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, onConnection);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  test('carries a large echo byte for byte and closes cleanly', async () => {
    const port = await origin((socket) => socket.pipe(socket));
    const pool = new BlockPool();
    const app: AppSocket = await connectAppSocket({ host: '127.0.0.1', port, timeoutMs: 2000, pool });
    expect(app).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: port, localAddress: '127.0.0.1' });
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    const sent = pattern(8 * 1024 * 1024, 11);
    app.write(sent);
    app.end();
    await seen.close.promise;
    expect(seen.bytes.equals(sent)).toBe(true);
    for (const chunk of seen.chunks) chunk.release();
    expect(pool.usedBytes).toBe(0);
    expect(seen).toMatchObject({ ended: 1, closed: 1, error: undefined });
  });

  test('reads nothing before resume, even when the origin speaks first', async () => {
    const port = await origin((socket) => socket.end('banner'));
    const app = await connectAppSocket({ host: '127.0.0.1', port, timeoutMs: 2000, pool: new BlockPool() });
    const seen = new Recorder();
    app.setHandlers(seen);
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    expect(seen).toMatchObject({ chunks: [], ended: 0 });
    app.resume();
    await seen.end.promise;
    expect(seen.bytes.toString()).toBe('banner');
    app.end();
    await seen.close.promise;
  });

  test('sends from the given local address', async () => {
    const from = deferred<string | undefined>();
    const port = await origin((socket) => {
      from.resolve(socket.remoteAddress);
      socket.destroy();
    });
    const app = await connectAppSocket({
      host: '127.0.0.1',
      port,
      localAddress: '127.0.0.3',
      timeoutMs: 2000,
      pool: new BlockPool(),
    });
    expect(app.localAddress).toBe('127.0.0.3');
    expect(await from.promise).toBe('127.0.0.3');
    app.destroy();
  });

  test("keeps Node's error code", async () => {
    const port = await origin(() => {});
    const listener = await acceptAppSockets({
      host: '127.0.0.1',
      port: 0,
      pool: new BlockPool(),
      onSocket: () => {},
      onError: () => {},
    });
    const closedPort = listener.address().port;
    listener.close();
    const target = { host: '127.0.0.1', timeoutMs: 2000, pool: new BlockPool() };
    await expect(connectAppSocket({ ...target, port: closedPort })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const aborted = AbortSignal.abort(new Error('not wanted any more'));
    await expect(connectAppSocket({ ...target, port, signal: aborted })).rejects.toThrow(
      'not wanted any more',
    );
    const controller = new AbortController();
    const pending = connectAppSocket({ ...target, port, signal: controller.signal });
    controller.abort(new Error('given up'));
    await expect(pending).rejects.toThrow('given up');
  });

  test.skipIf(native === undefined)('a reset behind the last data is an error, not an end', async () => {
    const accepted = deferred<AppSocket>();
    const pool = new BlockPool();
    const listener = await acceptAppSockets({
      host: '127.0.0.1',
      port: 0,
      pool,
      onSocket: accepted.resolve,
      onError: accepted.reject,
    });
    cleanups.push(listener.close);
    const far = await connectAppSocket({ ...listener.address(), timeoutMs: 2000, pool, native });
    const near = await accepted.promise;
    const seen = new Recorder();
    far.setHandlers(seen);
    const nearClosed = new Recorder();
    near.setHandlers(nearClosed);
    near.write(pattern(20_000), () => near.destroy('reset'));
    await nearClosed.close.promise;
    far.resume();
    await seen.close.promise;
    expect(seen).toMatchObject({ ended: 0, closed: 1, error: { code: 'ECONNRESET' } });
  });

  test.skipIf(native === undefined)(
    'a FIN behind the last data is an end, with both sides finished',
    async () => {
      const port = await origin((socket) => socket.end(pattern(20_000)).resume());
      const app = await connectAppSocket({
        host: '127.0.0.1',
        port,
        timeoutMs: 2000,
        pool: new BlockPool(),
        native,
      });
      const seen = new Recorder();
      app.setHandlers(seen);
      app.end();
      for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
      app.resume();
      await seen.close.promise;
      expect(seen).toMatchObject({ ended: 1, closed: 1, error: undefined });
      expect(seen.bytes.length).toBe(20_000);
    },
  );
});

test('a listening address that is taken is a clear error', async () => {
  const options = { host: '127.0.0.1', pool: new BlockPool(), onSocket: () => {}, onError: () => {} };
  const first = await acceptAppSockets({ ...options, port: 0 });
  cleanups.push(first.close);
  const { port } = first.address();
  await expect(acceptAppSockets({ ...options, port })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: another program already listens there (EADDRINUSE)`,
  );
});
