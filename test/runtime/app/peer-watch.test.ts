import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { connectAppSocket } from '../../../shared/runtime/app/app-socket-connect.ts';
import { acceptAppSockets } from '../../../shared/runtime/app/app-socket-listener.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { PeerWatch } from '../../../shared/runtime/app/peer-watch.ts';
import { type PeerOptions, type PeerTimes, WatchedPeer } from '../../../shared/runtime/app/watched-peer.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { descriptorOf } from '../../../shared/runtime/kernel/socket-handle.ts';
import { IPPROTO_TCP } from '../../../shared/runtime/kernel/socket-options.ts';
import { deferred } from '../../support/deferred.ts';
import { needs } from '../../support/needs.ts';
import { pattern, Recorder, readAll } from './app-pair.ts';

/** tcp(7): how long the kernel remembers a connection that was closed both ways. */
const TCP_LINGER2 = 8;
/** The shortest times that the kernel's seconds allow. */
const TIMES = { keepAliveMs: 4_000, stallTimeoutMs: 2_000 };
/** Longer than everything that follows from those times. */
const SETTLED_MS = 6_000;

/** Fits into what a kernel keeps of a connection that is not read. */
const LEFT = pattern(30_000);

const { native } = loadNative();
const clock = () => performance.now();
/** They run at the same time, since all of them wait. */
const cleanups: (() => unknown)[] = [];
const onCleanup = (cleanup: () => unknown) => void cleanups.push(cleanup);
afterAll(() => {
  for (const cleanup of cleanups) cleanup();
});

function newWatch(times: PeerTimes & Pick<PeerOptions, 'lingerMs'> = TIMES) {
  const lost: string[] = [];
  const watch = new PeerWatch({
    ...times,
    native,
    clock,
    onLost: (role, reason) => lost.push(`${role} ${reason}`),
  });
  return { watch, lost };
}

/** An application's connection, as the client sees it, and the application's own end. */
async function application(peers: PeerWatch): Promise<{ app: AppSocket; peer: Socket; seen: Recorder }> {
  const accepted = deferred<AppSocket>();
  const pool = new BlockPool(clock);
  const listener = await acceptAppSockets({
    ...{ host: '127.0.0.1', port: 0, pool, native, peers },
    onSocket: accepted.resolve,
    onError: accepted.reject,
  });
  onCleanup(() => listener.close());
  const peer = connect({ ...listener.address(), allowHalfOpen: true });
  onCleanup(() => peer.destroy());
  await once(peer, 'connect');
  const app = await accepted.promise;
  onCleanup(() => app.destroy());
  const seen = new Recorder();
  app.setHandlers(seen);
  app.resume();
  return { app, peer, seen };
}

/** An origin's connection, as the concentrator sees it; the origin does not read. */
async function origin(peers: PeerWatch): Promise<{ socket: AppSocket; seen: Recorder }> {
  const server = createServer({ pauseOnConnect: true }, (accepted) => onCleanup(() => accepted.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onCleanup(() => server.close());
  const { port } = server.address() as { port: number };
  const pool = new BlockPool(clock);
  const signal = new Cancellation();
  const socket = await connectAppSocket({ host: '127.0.0.1', port, pool, native, peers, signal });
  onCleanup(() => socket.destroy());
  const seen = new Recorder();
  socket.setHandlers(seen);
  socket.resume();
  return { socket, seen };
}

/** Its kernel forgets the connection soon after it was closed both ways, as seen from there. */
function forgetSoon(peer: Socket): void {
  const second = new Uint8Array(Int32Array.of(1).buffer);
  native!.setOption(descriptorOf(peer)!, IPPROTO_TCP, TCP_LINGER2, second);
}

/** As under back-pressure: in a later turn than `resume`, which begins to read in the next one. */
async function pausedApplication(peers: PeerWatch): ReturnType<typeof application> {
  const all = await application(peers);
  await pause(10);
  all.app.pause();
  all.peer.resume();
  return all;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const settled = () => pause(SETTLED_MS);

describe.concurrent('PeerWatch', needs('libc'), () => {
  it('tells an application that has closed both ways from one that has finished sending', async () => {
    const { watch, lost } = newWatch();
    const [gone, waiting] = await Promise.all([application(watch), application(watch)]);
    forgetSoon(gone.peer);
    gone.peer.destroy();
    waiting.peer.end();
    await gone.seen.close.promise;
    expect(gone.seen.error).toMatchObject({ code: 'EPIPE' });
    await settled();
    expect([lost, waiting.seen.closed]).toEqual([['application gone'], 0]);
    waiting.app.write([Buffer.from('late')]);
    expect(String((await once(waiting.peer, 'data'))[0])).toBe('late');
  });

  it.each<[string, (app: AppSocket, peer: Socket) => Promise<unknown>]>([
    [
      'closed behind us',
      async (app, peer) => {
        app.end();
        await once(peer, 'end');
        peer.end(LEFT);
      },
    ],
    [
      'closed before us',
      async (app, peer) => {
        peer.end(LEFT, () => app.end());
      },
    ],
    [
      'closed, and was forgotten by its kernel',
      async (_app, peer) => {
        forgetSoon(peer);
        peer.end(LEFT, () => peer.destroy());
      },
    ],
  ])('leaves what an application had sent until it is read: it %s', async (_, leave) => {
    const { watch, lost } = newWatch({ ...TIMES, lingerMs: 60_000 });
    const { app, peer, seen } = await pausedApplication(watch);
    await leave(app, peer);
    await settled();
    // Nobody gets it, and it harms nothing.
    app.write([Buffer.from('late')]);
    expect([lost, seen.closed]).toEqual([[], 0]);
    app.resume();
    await seen.end.promise;
    expect(seen.bytes.equals(LEFT)).toBe(true);
  });

  it.each<[string, (app: AppSocket, peer: Socket) => unknown, PeerTimes, string]>([
    [
      'was reset before its end',
      (_app, peer) => peer.write(LEFT, () => peer.resetAndDestroy()),
      TIMES,
      'application gone',
    ],
    [
      'closed, and nothing of it is read for too long',
      (app, peer) => peer.end(LEFT, () => app.end()),
      { ...TIMES, stallTimeoutMs: 1_000 },
      'application stalled',
    ],
  ])('gives up what an application has left unread: it %s', async (_, leave, times, reason) => {
    const { watch, lost } = newWatch(times);
    const { app, peer, seen } = await pausedApplication(watch);
    leave(app, peer);
    await seen.close.promise;
    expect(lost).toEqual([reason]);
    expect(seen.ended).toBe(0);
  });

  it('lets an end take the rest, whatever it has said itself and nobody reads', async () => {
    const { watch } = newWatch();
    const { app, peer, seen } = await application(watch);
    await pause(10);
    app.pause();
    const bytes = pattern(4_000_000);
    app.write([bytes]);
    app.destroy('after-writes');
    peer.write('not read');
    await pause(500);
    expect((await readAll(peer)).equals(bytes)).toBe(true);
    await seen.close.promise;
    expect(seen.error).toBeUndefined();
  });

  it('gives up an origin that takes nothing once everything was sent, and waits for it before', async () => {
    const { watch, lost } = newWatch();
    const [ended, open] = await Promise.all([origin(watch), origin(watch)]);
    for (const { socket } of [ended, open]) socket.write([Buffer.alloc(16_000_000)]);
    ended.socket.end();
    await ended.seen.close.promise;
    expect(ended.seen.error).toMatchObject({ code: 'ETIMEDOUT' });
    await settled();
    expect([lost, open.seen.closed]).toEqual([['origin stalled'], 0]);
  });

  it('gives up an application that reads nothing once it has finished sending, and no other', async () => {
    const { watch, lost } = newWatch({ ...TIMES, stallTimeoutMs: 800 });
    const [ended, open] = await Promise.all([application(watch), application(watch)]);
    for (const { app, peer } of [ended, open]) {
      peer.pause();
      app.write([Buffer.alloc(16_000_000)]);
      app.end();
    }
    const startMs = clock();
    ended.peer.end();
    await ended.seen.close.promise;
    expect(ended.seen.error).toMatchObject({ code: 'ETIMEDOUT' });
    // It has more patience than with an origin.
    expect(clock() - startMs).toBeGreaterThan(3_000);
    await settled();
    expect([lost, open.seen.closed]).toEqual([['application stalled'], 0]);
  });

  it('notices keep-alives of an application, and nothing else', async () => {
    const { watch } = newWatch();
    const [eager, busy] = await Promise.all([application(watch), application(watch)]);
    const noticed: string[] = [];
    Object.assign(eager.seen, { onKeepAlive: (idleMs: number) => noticed.push(`eager ${idleMs < 4_000}`) });
    Object.assign(busy.seen, { onKeepAlive: () => noticed.push('busy') });
    eager.peer.setKeepAlive(true, 1_000);
    const timer = setInterval(() => {
      busy.peer.write('x');
      busy.app.write([Buffer.from('y')]);
    }, 300);
    busy.peer.resume();
    await settled();
    clearInterval(timer);
    expect(new Set(noticed)).toEqual(new Set(['eager true']));
  });

  it('does not guess after how much silence a keep-alive came when bytes were read behind it', async () => {
    const server = createServer({ pauseOnConnect: true });
    onCleanup(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const peer = connect(server.address() as { port: number });
    onCleanup(() => peer.destroy());
    const [socket] = (await once(server, 'connection')) as [Socket];
    onCleanup(() => socket.destroy());
    const told: number[] = [];
    const owner = {
      onPeerLost() {},
      onPeerLeft() {},
      onPeerKeepsAlive: (idleMs: number) => void told.push(idleMs),
    };
    const watched = new WatchedPeer('application', socket, owner, { ...TIMES, native });
    peer.setKeepAlive(true, 1_000);
    peer.write('x');
    await pause(200);
    watched.look(clock());
    await pause(1_500);
    // What waited for back-pressure to end.
    socket.resume();
    await once(socket, 'data');
    watched.look(clock());
    expect(told).toEqual([]);
    await pause(1_500);
    watched.look(clock());
    expect(told).toHaveLength(1);
    expect(told[0]).toBeGreaterThan(1_000);
  });
});
