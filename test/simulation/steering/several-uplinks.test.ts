import { describe, expect, it } from 'vitest';
import { settle } from '../invariants.ts';
import { SIDES } from '../network.ts';
import { connectedWorld, download, eager, finishTime, megabitsPerSecond, steadyUplink } from '../steady.ts';
import { open, streaming, Usage } from './steered.ts';

const dsl = steadyUplink('dsl', { downMbit: 16, roundTripMs: 40 });
const lte = steadyUplink('lte', { downMbit: 20, roundTripMs: 60 });

describe('priority', () => {
  const policy = { mode: 'priority', order: ['dsl', 'lte'] } as const;

  it('gets nine tenths of the sum for bulk, with the first one full', () => {
    const world = connectedWorld(dsl, lte);
    const run = open(world, download(60_000_000), policy);
    world.advance(2_000);
    const usage = new Usage(world);
    world.advance(10_000);
    expect((usage.take().dsl! * 8) / 10_000_000).toBeGreaterThan(0.95 * 16);
    const ms = finishTime(world, run);
    expect(megabitsPerSecond(60_000_000, ms)).toBeGreaterThan(0.9 * 36);
    settle(world);
  });

  it.each([
    [4, 20],
    [8, 200],
    [12, 20],
  ])(
    'leaves the second alone while %i Mbit/s come, which the first carries, every %i ms',
    (megabits, everyMs) => {
      const world = connectedWorld(dsl, lte);
      const run = open(world, streaming(megabits, everyMs), policy);
      const usage = new Usage(world);
      world.advance(20_000);
      expect(usage.shareOf('lte')).toBeLessThan(0.05);
      expect(run.client.longestGapMs).toBeLessThan(everyMs + 150);
    },
  );

  it.each([3, 10])(
    'leaves the second alone while an application reads %i Mbit/s of what could come faster',
    (megabits) => {
      const world = connectedWorld(dsl, lte);
      const run = open(world, download(1_000_000_000, { readBytesPerMs: megabits * 125 }), policy);
      world.advance(2_000);
      const usage = new Usage(world);
      const before = run.client.receivedBytes;
      world.advance(10_000);
      expect(usage.shareOf('lte')).toBeLessThan(0.05);
      expect(megabitsPerSecond(run.client.receivedBytes - before, 10_000)).toBeGreaterThan(0.95 * megabits);
    },
  );

  it('prefers the first though the second has less delay', () => {
    const world = connectedWorld(dsl, steadyUplink('lte', { downMbit: 20, roundTripMs: 10 }));
    open(world, streaming(4), policy);
    const usage = new Usage(world);
    world.advance(20_000);
    expect(usage.shareOf('lte')).toBeLessThan(0.05);
  });

  it('keeps 4 Mbit/s coming over a first uplink that fades, and goes back', () => {
    const world = connectedWorld(dsl, lte);
    const run = open(world, streaming(4), policy);
    world.advance(5_000);
    run.client.longestGapMs = 0;
    const { shape } = world.uplinks[0]!.links.down;
    for (const megabits of [8, 4, 2, 1]) {
      shape.rateBytesPerSecond = megabits * 125_000;
      world.advance(2_000);
    }
    const before = run.client.receivedBytes;
    world.advance(10_000);
    expect(megabitsPerSecond(run.client.receivedBytes - before, 10_000)).toBeGreaterThan(3.8);
    expect(run.client.longestGapMs).toBeLessThan(1_000);
    shape.rateBytesPerSecond = 16 * 125_000;
    world.advance(10_000);
    const usage = new Usage(world);
    world.advance(10_000);
    expect(usage.shareOf('lte')).toBeLessThan(0.05);
  });

  it('goes on over the second when the first is a black hole', () => {
    const world = connectedWorld(dsl, lte);
    const run = open(world, streaming(4), policy);
    world.advance(5_000);
    run.client.longestGapMs = 0;
    for (const connection of world.uplinks[0]!.connections) connection.stall(SIDES);
    world.advance(5_000);
    expect(run.client.longestGapMs).toBeLessThan(500);
  });
});

describe('weighted', () => {
  it.each([
    { weights: { dsl: 70, lte: 30 }, share: 0.7 },
    { weights: { dsl: 1, lte: 3 }, share: 0.25 },
    { weights: { dsl: 0.5, lte: 0.5 }, share: 0.5 },
    { weights: { dsl: 1 }, share: 1 },
  ])('keeps the shares of $weights within three percent', ({ weights, share }) => {
    const world = connectedWorld(dsl, lte);
    const run = open(world, download(30_000_000), { mode: 'weighted', weights });
    const usage = new Usage(world);
    finishTime(world, run);
    expect(Math.abs(usage.shareOf('dsl') - share)).toBeLessThan(0.03);
    settle(world);
  });

  it('is as fast as its shares allow', () => {
    const world = connectedWorld(dsl, lte);
    const ms = finishTime(
      world,
      open(world, download(30_000_000), { mode: 'weighted', weights: { dsl: 1, lte: 1 } }),
    );
    expect(megabitsPerSecond(30_000_000, ms)).toBeGreaterThan(0.85 * 32);
  });

  it('goes by share in uploads, too', () => {
    const world = connectedWorld(dsl, lte);
    const spec = { ...download(0), client: eager(20_000_000) };
    const run = open(world, spec, { mode: 'weighted', weights: { dsl: 2, lte: 1 } });
    const usage = new Usage(world, 'client');
    finishTime(world, run);
    expect(Math.abs(usage.shareOf('dsl') - 2 / 3)).toBeLessThan(0.03);
  });

  it('goes on over the rest when one with a share fails', () => {
    const world = connectedWorld(dsl, lte);
    const run = open(world, download(30_000_000), { mode: 'weighted', weights: { dsl: 1 } });
    world.advance(3_000);
    for (const connection of world.uplinks[0]!.connections) connection.stall(SIDES);
    finishTime(world, run);
    expect(run.client.longestGapMs).toBeLessThan(500);
  });
});

describe('redundant', () => {
  it('loses no time by a black hole that nobody notices', () => {
    const world = connectedWorld(dsl, lte);
    const run = open(world, streaming(4), { mode: 'redundant' });
    world.advance(5_000);
    const { session } = world.ends.concentrator;
    const { redundantBytes, copiedBytes } = session.snapshot().statistics;
    expect(redundantBytes).toBeGreaterThan(0.8 * run.client.receivedBytes);
    run.client.longestGapMs = 0;
    for (const connection of world.uplinks[0]!.connections) connection.stall(SIDES);
    world.advance(3_000);
    // As much as the other is farther, and a pause between two writes.
    expect(run.client.longestGapMs).toBeLessThan(60);
    expect(session.snapshot().statistics.copiedBytes).toBe(copiedBytes);
    expect(session.snapshot().statistics.reinjectedBytes).toBeLessThan(50_000);
  });

  it('brings bulk as fast as the fastest uplink alone', () => {
    const world = connectedWorld(dsl, lte);
    const ms = finishTime(world, open(world, download(20_000_000), { mode: 'redundant' }));
    expect(megabitsPerSecond(20_000_000, ms)).toBeGreaterThan(0.8 * 20);
    settle(world);
  });

  it('leaves room for streams beside it', () => {
    const world = connectedWorld(dsl, lte);
    open(world, download(1_000_000_000), { mode: 'redundant' });
    world.advance(3_000);
    const run = open(world, download(5_000_000), { mode: 'aggregate' });
    expect(megabitsPerSecond(5_000_000, finishTime(world, run))).toBeGreaterThan(8);
  });
});

describe('aggregate', () => {
  const near = steadyUplink('near', { downMbit: 20, roundTripMs: 20 });
  const far = steadyUplink('far', { downMbit: 20, roundTripMs: 80 });

  it('keeps a stream that one uplink carries with ease on the best one', () => {
    const world = connectedWorld(near, far);
    const run = open(world, streaming(4, 100), { mode: 'aggregate' });
    world.advance(5_000);
    const usage = new Usage(world);
    world.advance(20_000);
    expect(usage.shareOf('far')).toBeLessThan(0.03);
    expect(run.client.longestGapMs).toBeLessThan(200);
  });

  it('takes the other as well when the best one fades', () => {
    const world = connectedWorld(near, far);
    const run = open(world, streaming(8), { mode: 'aggregate' });
    world.advance(6_000);
    run.client.longestGapMs = 0;
    world.uplinks[0]!.links.down.shape.rateBytesPerSecond = 4 * 125_000;
    world.advance(3_000);
    const before = run.client.receivedBytes;
    world.advance(10_000);
    expect(megabitsPerSecond(run.client.receivedBytes - before, 10_000)).toBeGreaterThan(7.8);
    expect(run.client.longestGapMs).toBeLessThan(500);
  });

  it('follows an application that is faster than the best uplink, and slower than both', () => {
    const world = connectedWorld(near, far);
    const run = open(world, streaming(30), { mode: 'aggregate' });
    world.advance(5_000);
    const before = run.client.receivedBytes;
    world.advance(10_000);
    expect(megabitsPerSecond(run.client.receivedBytes - before, 10_000)).toBeGreaterThan(29.5);
  });

  it('takes all uplinks within a fifth of a second when a stream that was quiet becomes bulk', () => {
    const world = connectedWorld(near, far);
    const run = open(world, streaming(1), { mode: 'aggregate' });
    world.advance(10_000);
    expect(run.client.receivedBytes).toBeGreaterThan(1_000_000);
    const usage = new Usage(world);
    const origin = run.origin!;
    origin.hurry();
    world.advance(200);
    usage.take();
    world.advance(3_000);
    expect(usage.shareOf('far')).toBeGreaterThan(0.3);
  });
});
