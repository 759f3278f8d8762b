import { describe, expect, it } from 'vitest';
import type { DelayCounts } from '../../shared/protocol/delay-counts.ts';
import { SIDES } from './network.ts';
import { connectedWorld, download, finishTime, steadyUplink } from './steady.ts';

const BYTES = 10_000_000;
const near = steadyUplink('near', { downMbit: 20, roundTripMs: 40 });
const far = steadyUplink('far', { downMbit: 20, roundTripMs: 160 });

const countOf = ({ counts }: DelayCounts) => counts.reduce((sum, count) => sum + count, 0);
const meanMs = (delays: DelayCounts) => delays.sumMs / countOf(delays);

function report(name: string, delays: DelayCounts): void {
  console.log(`measured: ${name}: ${countOf(delays)} times, ${meanMs(delays).toFixed(1)} ms on average`);
}

describe('delays of a download', () => {
  it('over one uplink: bytes wait to be sent, none for earlier ones, and none is sent again', () => {
    const world = connectedWorld(near);
    finishTime(world, world.openStream(download(BYTES))!);
    const { queueing, reinjection } = world.ends.concentrator.delays;
    const { reorder } = world.ends.client.delays;
    report('queueing, one uplink', queueing);
    // The backlog that the application may build up, at the rate of the uplink.
    expect(meanMs(queueing)).toBeGreaterThan(20);
    expect(meanMs(queueing)).toBeLessThan(1_000);
    expect([reorder, ...Object.values(reinjection)].map(countOf)).toEqual([0, 0, 0]);
  });

  it('over unequal uplinks: bytes wait for earlier ones, for no longer than the uplinks differ, with what is queued on them', () => {
    const world = connectedWorld(near, far);
    finishTime(world, world.openStream(download(BYTES))!);
    const { reorder } = world.ends.client.delays;
    report('reorder, unequal uplinks', reorder);
    expect(countOf(reorder)).toBeGreaterThan(20);
    expect(meanMs(reorder)).toBeGreaterThan(1);
    expect(meanMs(reorder)).toBeLessThan(160);
  });

  it('when an uplink becomes a black hole: what was on it takes the time of the doubt and another round trip', () => {
    const world = connectedWorld(near, { ...near, name: 'other' });
    const run = world.openStream(download(BYTES))!;
    world.advance(1_500);
    const [uplink] = world.uplinks;
    uplink!.isUp = false;
    for (const connection of uplink!.connections) connection.stall(SIDES);
    finishTime(world, run);
    const { lost, copy } = world.ends.concentrator.delays.reinjection;
    for (const [name, delays] of Object.entries({ lost, copy }))
      report(`reinjection (${name}), black hole`, delays);
    const both = countOf(lost) + countOf(copy);
    expect(both).toBeGreaterThan(0);
    expect((lost.sumMs + copy.sumMs) / both).toBeGreaterThan(60);
    expect((lost.sumMs + copy.sumMs) / both).toBeLessThan(600);
  });
});
