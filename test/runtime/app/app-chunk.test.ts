import { describe, expect, test } from 'vitest';
import type { OutgoingChunk } from '../../../shared/protocol/memory/chunk.ts';
import { PooledChunk } from '../../../shared/runtime/app/app-chunk.ts';
import {
  BLOCK_BYTES,
  BlockPool,
  HEADROOM_BYTES,
  READ_BYTES,
} from '../../../shared/runtime/app/block-pool.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { deferred } from '../../support/deferred.ts';
import { appPair, pattern, Recorder, readAll } from './app-pair.ts';

/** On it, full reads always follow each other quickly: a busy machine would make them late, and late ones are no bulk transfer. */
const standingClock = () => 0;

const onCleanup = useCleanups();

async function pair(options: Parameters<typeof appPair>[0] = {}) {
  const result = await appPair(options);
  onCleanup(result.close);
  return result;
}

describe('memory of chunks', () => {
  test('is never reused before release: held long, released late and out of order', async () => {
    const pool = new BlockPool(standingClock, 40 * BLOCK_BYTES);
    const { app, peer } = await pair({ pool });
    const sent = pattern(32 * 1024 * 1024, 99);
    const held: { chunk: OutgoingChunk; offset: number }[] = [];
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
    const pool = new BlockPool(standingClock, 2 * BLOCK_BYTES);
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
    const pool = new BlockPool(standingClock, 8 * BLOCK_BYTES);
    const pairs = await Promise.all(Array.from({ length: 16 }, () => pair({ pool })));
    await Promise.all(
      pairs.map(async ({ app, peer }, seed) => {
        const sent = pattern(2 * 1024 * 1024, seed + 1);
        const closed = deferred<void>();
        app.setHandlers({
          onChunk: (chunk) => {
            app.write([chunk.bytes], () => chunk.release());
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
