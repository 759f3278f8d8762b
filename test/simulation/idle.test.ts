import { describe, expect, it } from 'vitest';
import { SIDES, type UplinkShape } from './network.ts';
import { connectedWorld, download, steadyUplink, timeOf } from './steady.ts';
import type { World } from './world.ts';

const IDLE_MS = 60_000;

/** Uplinks of these round trips. */
function uplinks(...roundTripsMs: readonly number[]): UplinkShape[] {
  return roundTripsMs.map((roundTripMs, index) => ({
    ...steadyUplink(`uplink${index}`, { downMbit: 20, roundTripMs }),
    // Kernels that never give a connection up: the sessions must notice by themselves.
    userTimeoutMs: Number.POSITIVE_INFINITY,
  }));
}

/** How often a second each end has something to do, over a while without anything to carry. */
function wakesPerSecond(world: World): number[] {
  world.advance(5_000);
  const before = SIDES.map((side) => world.ends[side].wakes);
  world.advance(IDLE_MS);
  return SIDES.map((side, index) => ((world.ends[side].wakes - before[index]!) * 1_000) / IDLE_MS);
}

describe('an idle session', () => {
  it.each([
    { roundTripsMs: [40], most: 3.5 },
    { roundTripsMs: [20, 60], most: 7.5 },
    { roundTripsMs: [40, 300], most: 7.5 },
    { roundTripsMs: [600, 30], most: 7.5 },
    { roundTripsMs: [20, 30, 45, 70], most: 14 },
  ])('rests between its pings: uplinks of $roundTripsMs ms', ({ roundTripsMs, most }) => {
    const world = connectedWorld(...uplinks(...roundTripsMs));
    const fresh = wakesPerSecond(world);
    timeOf(world, download(5_000_000));
    const used = wakesPerSecond(world);
    console.log(`wakes a second: ${[...fresh, ...used].map((wakes) => wakes.toFixed(1)).join(', ')}`);
    for (const wakes of [...fresh, ...used]) expect(wakes).toBeLessThan(most);
  });

  it.each([0, 200, 400, 600, 800])(
    'notices at both ends that an uplink has died without a word, %d ms after a ping or so',
    (phaseMs) => {
      const world = connectedWorld(...uplinks(30, 60));
      world.advance(5_000 + phaseMs);
      world.uplinks[0]!.isUp = false;
      for (const connection of world.uplinks[0]!.connections)
        connection.sever({ client: undefined, concentrator: undefined });
      world.advance(1_500);
      for (const side of SIDES) {
        const states = world.ends[side].session.snapshot().subflows.map(({ state }) => state);
        expect(states.filter((state) => state === 'active')).toHaveLength(1);
      }
    },
  );
});
