import { describe, expect, it } from 'vitest';
import { connectedWorld, download, eager, steadyUplink, timeOf } from './steady.ts';

const first = steadyUplink('first', { downMbit: 20, roundTripMs: 40 });
const second = steadyUplink('second', { downMbit: 5, roundTripMs: 130 });

describe('a stream of 10 kB beside a bulk download', () => {
  it.each([{ uplinks: [first] }, { uplinks: [first, second] }])(
    'takes at most three times as long as on idle uplinks ($uplinks.length)',
    ({ uplinks }) => {
      const world = connectedWorld(...uplinks);
      const idleMs = timeOf(world, download(10_000));
      const bulk = world.openStream(download(60_000_000))!;
      world.advance(2_000);
      for (let i = 0; i < 20; i++) {
        expect(timeOf(world, download(10_000))).toBeLessThan(3 * idleMs);
        world.advance(137);
      }
      expect(bulk.client.finishedAtMs).toBeUndefined();
    },
  );
});

describe('an application that does not read', () => {
  const stopped = { readStop: { atBytes: 100_000, forMs: 30_000 } };

  it('is sent no more than its window', () => {
    const world = connectedWorld(first, second);
    const run = world.openStream(download(60_000_000, stopped))!;
    world.advance(20_000);
    const unread = run.client.receivedBytes - run.client.consumedBytes;
    expect(unread).toBeGreaterThan(0);
    expect(unread).toBeLessThanOrEqual(world.ends.client.memory.usedBytes);
  });

  it('does not delay another stream', () => {
    const alone = timeOf(connectedWorld(first, second), download(5_000_000));
    const world = connectedWorld(first, second);
    world.openStream(download(60_000_000, stopped));
    world.advance(10_000);
    expect(timeOf(world, download(5_000_000))).toBeLessThan(1.1 * alone);
  });

  it('gets its bytes when it reads again', () => {
    const world = connectedWorld(first, second);
    expect(timeOf(world, download(10_000_000, stopped))).toBeGreaterThan(30_000);
  });
});

describe('streams that share the uplinks', () => {
  it('get equal shares', () => {
    const world = connectedWorld(first, second);
    const runs = [1, 2, 3, 4].map(() => world.openStream(download(20_000_000))!);
    world.advance(10_000);
    const received = runs.map(({ client }) => client.receivedBytes);
    expect(Math.min(...received)).toBeGreaterThan(0.8 * Math.max(...received));
  });

  it('finish by the hundred, both ways, however small', () => {
    const world = connectedWorld(first, second);
    const spec = { ...download(3_000), client: eager(3_000) };
    const runs = Array.from({ length: 300 }, () => world.openStream(spec)!);
    expect(world.runUntil(() => world.isSettled, world.clock.nowMs + 10_000)).toBe(true);
    expect(runs.every(({ client, origin }) => client.isFinished && origin?.isFinished === true)).toBe(true);
  });
});
