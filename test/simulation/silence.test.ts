import { describe, expect, it } from 'vitest';
import { settle } from './invariants.ts';
import { SIDES, type UplinkShape } from './network.ts';
import { connectedWorld, download, eager, finishTime, steadyUplink } from './steady.ts';

/** Kernels that never give a connection up: the sessions must notice all by themselves. */
function patient(name: string, roundTripMs: number): UplinkShape {
  return {
    ...steadyUplink(name, { downMbit: 20, roundTripMs }),
    userTimeoutMs: Number.POSITIVE_INFINITY,
  };
}

const unheard = { client: undefined, concentrator: undefined };

describe('a subflow that dies without a word', () => {
  it('is closed by both ends once all it carried has arrived elsewhere, and replaced', () => {
    const world = connectedWorld(patient('first', 40), patient('second', 60));
    const run = world.openStream(download(20_000_000))!;
    world.advance(1_000);
    const old = world.ends.client.subflowIds.find(
      (id) => world.ends.client.connectionOf(id)?.uplink === world.uplinks[0],
    )!;
    world.ends.client.connectionOf(old)?.sever(unheard);
    world.advance(5_500);
    for (const side of SIDES) {
      expect(world.ends[side].subflowIds).toHaveLength(2);
      expect(world.ends[side].subflowIds).not.toContain(old);
    }
    finishTime(world, run);
    settle(world);
  });

  it('is closed in the end though nothing else could carry what it had', () => {
    const world = connectedWorld(patient('first', 40));
    world.openStream(download(20_000_000));
    world.advance(1_000);
    world.uplinks[0]!.isUp = false;
    for (const connection of world.uplinks[0]!.connections) connection.sever(unheard);
    world.advance(20_000);
    for (const side of SIDES) expect(world.ends[side].subflowIds).toEqual([]);
  });
});

describe('after all uplinks were gone', () => {
  it('the far end, which has heard nothing, lets go of the dead subflows at once', () => {
    const world = connectedWorld(patient('first', 40), patient('second', 60));
    for (const uplink of world.uplinks) {
      uplink.isUp = false;
      for (const connection of uplink.connections) connection.sever({ client: 5, concentrator: undefined });
    }
    world.advance(500);
    expect(world.ends.concentrator.subflowIds).toHaveLength(2);
    world.addUplink(patient('third', 50));
    world.advance(50 * 4);
    expect(world.ends.concentrator.subflowIds).toHaveLength(1);
  });

  it('a stream that was opened meanwhile goes on with the next uplink, not with the next time-out', () => {
    const world = connectedWorld(patient('first', 40));
    world.uplinks[0]!.isUp = false;
    for (const connection of world.uplinks[0]!.connections) connection.sever(unheard);
    // Doubted by now; OPEN has nowhere else to go.
    world.advance(2_000);
    const run = world.openStream({ ...download(1_000), client: eager(1_000) })!;
    world.advance(500);
    world.addUplink(patient('second', 50));
    // Handshake, OPEN behind the next look at the doubted subflow, and the answer.
    expect(finishTime(world, run)).toBeLessThan(500 + 3 * 50 + 300 + 5 * 50);
  });
});

/** The only uplink's connection is forgotten by a translator on the way; the next one gets through. */
function forget(direction: 'down' | 'up'): number {
  const world = connectedWorld(patient('first', 25));
  const spec = direction === 'down' ? download(20_000_000) : { ...download(200), client: eager(20_000_000) };
  const run = world.openStream(spec)!;
  world.advance(2_000);
  const reader = direction === 'down' ? run.client : run.origin;
  const before = () => reader!.receivedBytes;
  for (const connection of world.uplinks[0]!.connections) {
    connection.sever(unheard);
  }
  // What is on its way arrives, and then nothing until the next connection carries.
  world.advance(30);
  const [stopped, atMs] = [before(), world.clock.nowMs];
  while (before() === stopped && world.clock.nowMs - atMs < 5_000) world.advance(5);
  return world.clock.nowMs - atMs;
}

describe('where a translator on the way forgets the only connection', () => {
  it.each([
    // Asked after 150 ms, doubted 105 ms later, and a handshake of three round trips; what is sent is doubted at once.
    { direction: 'down', mostMs: 330 },
    { direction: 'up', mostMs: 240 },
  ] as const)('without a word, the next carries soon: $direction', ({ direction, mostMs }) => {
    const pauseMs = forget(direction);
    console.log(`measured: ${direction}, forgotten without a word: ${pauseMs} ms`);
    expect(pauseMs).toBeLessThan(mostMs);
  });
});
