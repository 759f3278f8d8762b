import { describe, expect, it } from 'vitest';
import { settle } from './invariants.ts';
import { SIDES, type Uplink } from './network.ts';
import { connectedWorld, download, eager, finishTime, steadyUplink } from './steady.ts';

const BYTES = 20_000_000;
const first = steadyUplink('first', { downMbit: 20, roundTripMs: 40 });
const second = steadyUplink('second', { downMbit: 20, roundTripMs: 60 });
/** 2 x srtt with its queue + 4 x its variation, and the round trip of what is sent again. */
const LONGEST_GAP_MS = 400;

/** Packets vanish; nobody is told. */
function blackHole(uplink: Uplink): void {
  uplink.isUp = false;
  for (const connection of uplink.connections) connection.stall(SIDES);
}

function unplug(uplink: Uplink): void {
  uplink.isUp = false;
  for (const connection of uplink.connections) connection.sever({ client: 5, concentrator: undefined });
}

describe('a download goes on', () => {
  it.each([0, 1])('when uplink %i of two becomes a black hole', (index) => {
    const world = connectedWorld(first, second);
    const run = world.openStream(download(BYTES))!;
    world.advance(2_500);
    run.client.longestGapMs = 0;
    blackHole(world.uplinks[index]!);
    finishTime(world, run);
    expect(run.client.longestGapMs).toBeLessThan(LONGEST_GAP_MS);
    settle(world);
    expect(run.client.receivedBytes).toBe(BYTES);
  });

  it('when one uplink after the other is pulled and comes back', () => {
    const world = connectedWorld(first, second);
    const run = world.openStream(download(BYTES))!;
    for (const uplink of [...world.uplinks, ...world.uplinks]) {
      world.advance(1_000);
      unplug(uplink);
      world.advance(1_000);
      uplink.isUp = true;
    }
    finishTime(world, run);
    settle(world);
    expect(run.client.receivedBytes).toBe(BYTES);
  });

  it('when all uplinks are gone for ten seconds, on a new one', () => {
    const world = connectedWorld(first, second);
    const run = world.openStream(download(BYTES))!;
    world.advance(2_000);
    for (const uplink of world.uplinks) unplug(uplink);
    world.advance(10_000);
    const before = run.client.receivedBytes;
    world.addUplink(steadyUplink('third', { downMbit: 10, roundTripMs: 80 }));
    finishTime(world, run);
    settle(world);
    expect(before).toBeLessThan(BYTES);
    expect(run.client.receivedBytes).toBe(BYTES);
  });

  it('when it had to wait for the first uplink', () => {
    const world = connectedWorld();
    const run = world.openStream({ ...download(0), client: eager(50_000) })!;
    world.advance(5_000);
    world.addUplink(first);
    finishTime(world, run);
    settle(world);
    expect(run.origin?.receivedBytes).toBe(50_000);
  });
});

describe('a session without uplinks', () => {
  it('ends by itself after its linger, at both ends, and its streams fail', () => {
    const world = connectedWorld(first, second);
    const run = world.openStream(download(BYTES))!;
    world.advance(1_000);
    for (const uplink of world.uplinks) unplug(uplink);
    world.advance(100_000);
    for (const side of SIDES) expect(world.ends[side].closedBecause).toBe('uplinksLost');
    expect([run.client.failure, run.origin?.failure]).toEqual(['uplinksLost', 'uplinksLost']);
    expect(world.chunks.lent).toBe(0);
  });
});
