import { describe, expect, it } from 'vitest';
import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { settle } from '../invariants.ts';
import type { Uplink } from '../network.ts';
import { connectedWorld, download, eager, finishTime, steadyUplink } from '../steady.ts';
import type { World } from '../world.ts';
import { open, streaming, Usage } from './steered.ts';

const wifi = (roundTripMs: number) => steadyUplink('wifi', { downMbit: 20, roundTripMs });
const lte = (roundTripMs: number) => steadyUplink('lte', { downMbit: 20, roundTripMs });

function setRoundTrip({ links }: Uplink, ms: number): void {
  for (const { shape } of [links.up, links.down]) shape.delayMs = ms / 2;
}

/** The tiles of a map that is dragged: urgent, and small. */
const map = streaming(0.5, 100);
const preferring = { order: ['wifi', 'lte'], maxRttMs: 250 };
/** Modes in which a preferred uplink carries such a stream alone. */
const SINGLE: readonly SteeringPolicy[] = [
  { mode: 'aggregate', ...preferring },
  { mode: 'lowest-latency', ...preferring },
  { mode: 'active-standby', ...preferring },
  { mode: 'priority', ...preferring },
  { mode: 'redundant', ...preferring },
];
const ALL: readonly SteeringPolicy[] = [
  ...SINGLE,
  { mode: 'weighted', weights: { wifi: 3, lte: 1 }, ...preferring },
  { mode: 'round-robin', ...preferring },
];

describe.each(SINGLE)('$mode with an order and a limit', (policy) => {
  it('stays on Wi-Fi at 100 ms, beside LTE at 40 ms', () => {
    const world = connectedWorld(lte(40), wifi(100));
    open(world, map, policy);
    // In which a stream is known to be paced.
    world.advance(5_000);
    const usage = new Usage(world);
    world.advance(20_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
  });

  it('goes back to Wi-Fi once, when it is good again, without a gap', () => {
    const world = connectedWorld(wifi(100), lte(40));
    const run = open(world, map, policy);
    world.advance(3_000);
    setRoundTrip(world.uplinks[0]!, 500);
    world.advance(2_000);
    const usage = new Usage(world);
    world.advance(6_000);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.9);
    setRoundTrip(world.uplinks[0]!, 100);
    world.advance(20_000);
    usage.take();
    world.advance(5_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
    expect(run.client.longestGapMs).toBeLessThan(700);
  });
});

describe.each(ALL)('$mode', (policy) => {
  it('leaves an uplink above the limit, and with loss above it', () => {
    const world = connectedWorld(wifi(100), lte(40));
    open(world, streaming(4), { ...policy, maxLoss: 0.02 });
    world.advance(3_000);
    setRoundTrip(world.uplinks[0]!, 400);
    world.advance(2_000);
    const usage = new Usage(world);
    world.advance(5_000);
    const afterDelay = usage.shareOf('lte');
    setRoundTrip(world.uplinks[0]!, 100);
    world.advance(20_000);
    world.uplinks[0]!.links.down.shape.lossRate = 0.08;
    world.advance(6_000);
    usage.take();
    world.advance(5_000);
    const afterLoss = usage.shareOf('lte');
    // What is left on the other are pings, receipts and copies of control frames.
    expect(afterDelay).toBeGreaterThan(0.9);
    expect(afterLoss).toBeGreaterThan(0.9);
  });

  it('goes on over the best where all are above the limit', () => {
    const world = connectedWorld(wifi(400), lte(300));
    const run = open(world, streaming(2), policy);
    world.advance(5_000);
    const usage = new Usage(world);
    const before = run.client.receivedBytes;
    world.advance(10_000);
    expect((run.client.receivedBytes - before) / 1_250_000).toBeGreaterThan(1.9);
    if (policy.mode !== 'redundant') expect(usage.shareOf('lte')).toBeGreaterThan(0.9);
  });

  it('is not driven off an uplink by what it has queued there itself', () => {
    const world = connectedWorld(
      steadyUplink('wifi', { downMbit: 20, roundTripMs: 40, queueMs: 400 }),
      steadyUplink('lte', { downMbit: 20, roundTripMs: 60, queueMs: 400 }),
    );
    const bytes = 20_000_000;
    const ms = finishTime(world, open(world, download(bytes), policy));
    expect((bytes * 8) / ms / 1000).toBeGreaterThan(0.8 * 20);
    settle(world);
  });

  it('goes back and forth ever less with a Wi-Fi that wavers', () => {
    const world = connectedWorld(wifi(100), lte(40));
    open(world, map, policy);
    const usage = new Usage(world);
    let [switches, last] = [0, true];
    for (let second = 0; second < 120; second++) {
      setRoundTrip(world.uplinks[0]!, second % 8 < 3 ? 400 : 100);
      world.advance(1_000);
      const isOnWifi = usage.shareOf('wifi') > 0.15;
      if (isOnWifi !== last) switches++;
      last = isOnWifi;
    }
    // It turns bad 15 times.
    expect(switches).toBeGreaterThan(0);
    expect(switches).toBeLessThan(11);
  });
});

it('a new stream does not go to an uplink that others with its policy have just left', () => {
  const world = connectedWorld(wifi(100), lte(40));
  const policy: SteeringPolicy = { mode: 'active-standby', ...preferring };
  open(world, map, policy);
  world.advance(3_000);
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(2_000);
  setRoundTrip(world.uplinks[0]!, 100);
  world.advance(1_500);
  const usage = new Usage(world);
  open(world, streaming(2), policy);
  world.advance(300);
  expect(usage.shareOf('lte')).toBeGreaterThan(0.9);
});

it('nor does one that begins when they have all ended', () => {
  const world = connectedWorld(wifi(100), lte(40));
  const policy: SteeringPolicy = { mode: 'active-standby', ...preferring };
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(2_000);
  finishTime(world, open(world, download(200_000), policy));
  setRoundTrip(world.uplinks[0]!, 100);
  world.advance(500);
  const usage = new Usage(world);
  finishTime(world, open(world, download(200_000), policy));
  expect(usage.shareOf('lte')).toBeGreaterThan(0.9);
});

it('one that begins long after is not kept from an uplink that is good again', () => {
  const world = connectedWorld(wifi(100), lte(40));
  const policy: SteeringPolicy = { mode: 'active-standby', ...preferring };
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(2_000);
  finishTime(world, open(world, download(200_000), policy));
  setRoundTrip(world.uplinks[0]!, 100);
  world.advance(120_000);
  const usage = new Usage(world);
  finishTime(world, open(world, download(200_000), policy));
  expect(usage.shareOf('wifi')).toBeGreaterThan(0.9);
});

/** What the concentrator says of each uplink: the policies that leave it out. */
function leftOut(world: World) {
  const { uplinks } = world.ends.concentrator.session!.snapshot();
  return Object.fromEntries(uplinks.map((one) => [one.name, one.leftOut()?.policies]));
}

/** That of `active-standby` with these preferences. */
const LEFT = [{ mode: 'active-standby', most: { rttMs: 250, loss: 1 } }];

it('tells which uplink a policy leaves out, for as long as it does and something has it', () => {
  const world = connectedWorld(wifi(100), lte(40));
  open(world, map, { mode: 'active-standby', ...preferring });
  open(world, map, { mode: 'priority', order: ['wifi'] });
  world.advance(3_000);
  expect(leftOut(world)).toEqual({});
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(2_000);
  expect(leftOut(world)).toEqual({ wifi: LEFT });
  setRoundTrip(world.uplinks[0]!, 100);
  world.advance(1_500);
  expect(leftOut(world)).toEqual({ wifi: LEFT });
  world.advance(8_000);
  expect(leftOut(world)).toEqual({});
});

it('tells nothing of an uplink that a policy does not allow, or that carries since none is within', () => {
  const world = connectedWorld(wifi(100), lte(40));
  open(world, map, { mode: 'active-standby', only: ['lte'], maxRttMs: 250 });
  open(world, map, { mode: 'active-standby', only: ['wifi'], maxRttMs: 250 });
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(3_000);
  expect(leftOut(world)).toEqual({});
  open(world, map, { mode: 'active-standby', ...preferring });
  world.advance(1_000);
  expect(leftOut(world)).toEqual({ wifi: LEFT });
  setRoundTrip(world.uplinks[1]!, 500);
  world.advance(3_000);
  expect(leftOut(world)).toEqual({});
});

it('tells nothing of an uplink that a connection left when it was last used, long ago', () => {
  const world = connectedWorld(wifi(100), lte(40));
  const client = eager(1_000_000, { writePauseMs: 600_000, chunkBytes: 200 });
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(2_000);
  const run = open(
    world,
    { ...download(0), client, origin: eager(50_000) },
    { mode: 'active-standby', ...preferring },
  );
  world.advance(3_000);
  expect(run.client.receivedBytes).toBe(50_000);
  expect(leftOut(world)).toEqual({ wifi: LEFT });
  setRoundTrip(world.uplinks[0]!, 100);
  world.advance(120_000);
  expect(leftOut(world)).toEqual({});
  setRoundTrip(world.uplinks[0]!, 400);
  world.advance(60_000);
  expect(leftOut(world)).toEqual({ wifi: LEFT });
});
