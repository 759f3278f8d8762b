import { describe, expect, it } from 'vitest';
import { settle } from './invariants.ts';
import { SIDES } from './network.ts';
import {
  connectedWorld,
  download,
  eager,
  finishTime,
  megabitsPerSecond,
  steadyUplink,
  timeOf,
} from './steady.ts';
import type { StreamRun, StreamSpec, World } from './world.ts';

const BYTES = 20_000_000;
const first = steadyUplink('first', { downMbit: 20, roundTripMs: 40 });
const second = steadyUplink('second', { downMbit: 20, roundTripMs: 60 });

/** A visitor asks for so much of the service. */
function visit(bytes: number): StreamSpec {
  const { client: request, origin: answer, ...rest } = download(bytes);
  return { client: answer, origin: request, ...rest };
}

/** Runs until the visitor has read all. @returns milliseconds of virtual time */
function visitTime(world: World, run: StreamRun): number {
  const visitor = run.origin!;
  const isDone = () => visitor.finishedAtMs !== undefined || visitor.failure !== undefined;
  if (!world.runUntil(isDone, world.clock.nowMs + 600_000)) throw new Error(`stalled\n${world.describe()}`);
  if (visitor.failure !== undefined) throw new Error(`failed: ${visitor.failure}`);
  return visitor.finishedAtMs! - run.openedAtMs;
}

describe('a visitor of a published service', () => {
  it('gets nine tenths of the sum of two uplinks, as a download does', () => {
    const world = connectedWorld(first, second);
    const ms = visitTime(world, world.openInbound(visit(BYTES))!);
    const plain = timeOf(connectedWorld(first, second), download(BYTES));
    expect(megabitsPerSecond(BYTES, ms)).toBeGreaterThan(0.9 * 40);
    expect(ms).toBeLessThan(1.05 * plain);
  });

  it('uploads with nine tenths of the sum', () => {
    const world = connectedWorld(first, second);
    const run = world.openInbound({ ...visit(0), client: eager(0), origin: eager(BYTES) })!;
    finishTime(world, run);
    expect(megabitsPerSecond(BYTES, run.client.finishedAtMs! - run.openedAtMs)).toBeGreaterThan(0.9 * 40);
  });

  it('loses nothing when one uplink after the other is pulled and comes back', () => {
    const world = connectedWorld(first, second);
    const run = world.openInbound(visit(BYTES))!;
    for (const uplink of [...world.uplinks, ...world.uplinks]) {
      world.advance(1_000);
      uplink.isUp = false;
      for (const connection of uplink.connections) connection.sever({ client: 5, concentrator: undefined });
      world.advance(1_000);
      uplink.isUp = true;
    }
    visitTime(world, run);
    settle(world);
    expect(run.origin!.receivedBytes).toBe(BYTES);
  });

  it('waits while all uplinks are gone, and is served when one is back', () => {
    const world = connectedWorld(first, second);
    for (const uplink of world.uplinks) {
      uplink.isUp = false;
      for (const connection of uplink.connections) connection.stall(SIDES);
    }
    world.advance(5_000);
    const run = world.openInbound(visit(100_000))!;
    world.advance(5_000);
    expect(run.isRequested).toBe(false);
    world.addUplink(steadyUplink('third', { downMbit: 10, roundTripMs: 80 }));
    visitTime(world, run);
    settle(world);
    expect(run.origin!.receivedBytes).toBe(100_000);
  });

  it.each([
    { what: 'the service refuses', change: { refusal: 'connectionRefused' as const } },
    { what: 'the visitor leaves at once', change: { reset: { side: 'concentrator' as const, afterMs: 1 } } },
    { what: 'the service breaks off', change: { reset: { side: 'client' as const, afterMs: 300 } } },
  ])('is told when $what, and nothing is kept', ({ change }) => {
    const world = connectedWorld(first, second);
    const run = world.openInbound({ ...visit(BYTES), ...change })!;
    settle(world);
    expect(run.origin!.failure ?? run.client.failure).toBeDefined();
  });

  it('is one of two hundred at once, beside as many streams of the client', () => {
    const world = connectedWorld(first, second);
    const runs = Array.from({ length: 200 }, () => world.openInbound(visit(20_000))!);
    const own = Array.from({ length: 200 }, () => world.openStream(download(20_000))!);
    settle(world);
    expect(runs.every(({ origin }) => origin!.receivedBytes === 20_000)).toBe(true);
    expect(own.every(({ client }) => client.receivedBytes === 20_000)).toBe(true);
  });
});
