import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { connectAppSocket } from '../../../shared/runtime/app/app-socket-connect.ts';
import { acceptAppSockets } from '../../../shared/runtime/app/app-socket-listener.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { deferred } from '../../support/deferred.ts';
import { needs } from '../../support/needs.ts';
import { pattern, Recorder } from './app-pair.ts';

const { native } = loadNative();
const NEVER = new Cancellation();
const onCleanup = useCleanups();

describe('connectAppSocket', () => {
  async function origin(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, onConnection);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onCleanup(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  test('carries a large echo byte for byte and closes cleanly', async () => {
    const port = await origin((socket) => socket.pipe(socket));
    const pool = new BlockPool(() => performance.now());
    const app: AppSocket = await connectAppSocket({ host: '127.0.0.1', port, signal: NEVER, pool });
    expect(app).toMatchObject({ remoteAddress: '127.0.0.1', remotePort: port, localAddress: '127.0.0.1' });
    const seen = new Recorder();
    app.setHandlers(seen);
    app.resume();
    const sent = pattern(8 * 1024 * 1024, 11);
    app.write([sent]);
    app.end();
    await seen.close.promise;
    expect(seen.bytes.equals(sent)).toBe(true);
    for (const chunk of seen.chunks) chunk.release();
    expect(pool.usedBytes).toBe(0);
    expect(seen).toMatchObject({ ended: 1, closed: 1, error: undefined });
  });

  test('reads nothing before resume, even when the origin speaks first', async () => {
    const port = await origin((socket) => socket.end('banner'));
    const app = await connectAppSocket({
      host: '127.0.0.1',
      port,
      signal: NEVER,
      pool: new BlockPool(() => performance.now()),
    });
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

  test("keeps Node's error code", async () => {
    const port = await origin(() => {});
    const listener = await acceptAppSockets({
      host: '127.0.0.1',
      port: 0,
      pool: new BlockPool(() => performance.now()),
      onSocket: () => {},
      onError: () => {},
    });
    const closedPort = listener.address().port;
    listener.close();
    const target = { host: '127.0.0.1', signal: NEVER, pool: new BlockPool(() => performance.now()) };
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

  test('a reset behind the last data is an error, not an end', needs('libc'), async () => {
    const accepted = deferred<AppSocket>();
    const pool = new BlockPool(() => performance.now());
    const listener = await acceptAppSockets({
      host: '127.0.0.1',
      port: 0,
      pool,
      onSocket: accepted.resolve,
      onError: accepted.reject,
    });
    onCleanup(listener.close);
    const far = await connectAppSocket({ ...listener.address(), signal: NEVER, pool, native });
    const near = await accepted.promise;
    const seen = new Recorder();
    far.setHandlers(seen);
    const nearClosed = new Recorder();
    near.setHandlers(nearClosed);
    near.write([pattern(20_000)], () => near.destroy('reset'));
    await nearClosed.close.promise;
    far.resume();
    await seen.close.promise;
    expect(seen).toMatchObject({ ended: 0, closed: 1, error: { code: 'ECONNRESET' } });
  });

  test('a FIN behind the last data is an end, with both sides finished', needs('libc'), async () => {
    const port = await origin((socket) => socket.end(pattern(20_000)).resume());
    const app = await connectAppSocket({
      host: '127.0.0.1',
      port,
      signal: NEVER,
      pool: new BlockPool(() => performance.now()),
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
  });
});

test('a listening address that is taken is a clear error', async () => {
  const options = {
    host: '127.0.0.1',
    pool: new BlockPool(() => performance.now()),
    onSocket: () => {},
    onError: () => {},
  };
  const first = await acceptAppSockets({ ...options, port: 0 });
  onCleanup(first.close);
  const { port } = first.address();
  await expect(acceptAppSockets({ ...options, port, setting: 'socks.listen' })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port} (socks.listen): another program already listens there (EADDRINUSE)`,
  );
});
