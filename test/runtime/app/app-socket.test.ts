import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { OutgoingChunk } from '../../../shared/protocol/memory/chunk.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { deferred } from '../../support/deferred.ts';
import { appPair, pattern, Recorder, readAll } from './app-pair.ts';

const onCleanup = useCleanups();

async function pair(options: Parameters<typeof appPair>[0] = {}) {
  const result = await appPair(options);
  onCleanup(result.close);
  return result;
}

describe.each([
  ['reads into pooled memory', {}],
  ['plain reads, without handles', { takeAccepted: () => false }],
])('accepted AppSocket, %s', (_name, options) => {
  test('echoes a large transfer byte for byte past a slow reader', async () => {
    const { app, peer, pool } = await pair(options);
    const sent = pattern(24 * 1024 * 1024);
    let paused = 0;
    const closed = deferred<Error | undefined>();
    app.setHandlers({
      onChunk: (chunk) => {
        const room = app.write([chunk.bytes], () => chunk.release());
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
    app.write([answer]);
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
    app.write([Buffer.from('bye')]);
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
    app.write([Buffer.from('x')]);
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
    const first = deferred<OutgoingChunk>();
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
      room = app.write([pattern(65536, i)], count);
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
    expect(app.write([Buffer.from('x')], count)).toBe(false);
    expect(written).toBe(accepted);
  });
});
