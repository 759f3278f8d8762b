import { describe, expect, it } from 'vitest';
import { settle } from './invariants.ts';
import type { Side, UplinkShape } from './network.ts';
import { connectedWorld, download, eager, finishTime, steadyUplink } from './steady.ts';
import type { StreamSpec, World } from './world.ts';

interface Shape {
  readonly mbit: number;
  readonly roundTripMs: number;
  readonly lossRate: number;
  readonly congestionControl: 'reno' | 'bbr';
}

function uplink(name: string, { mbit, roundTripMs, lossRate, congestionControl }: Shape): UplinkShape {
  const steady = steadyUplink(name, { downMbit: mbit, roundTripMs });
  for (const link of [steady.up, steady.down]) link.lossRate = lossRate;
  return { ...steady, congestionControl };
}

const lossyShape = { mbit: 30, roundTripMs: 60, lossRate: 0.01, congestionControl: 'reno' } as const;
const lossy = uplink('lossy', lossyShape);
const endless = download(1_000_000_000);
const endlessUpload: StreamSpec = { ...download(0), client: eager(1_000_000_000) };

/** Active subflows of each uplink at the client. */
function counts(world: World): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { uplinkName, duty } of world.ends.client.session.snapshot().subflows) {
    if (duty !== 'retiring') found[uplinkName] = (found[uplinkName] ?? 0) + 1;
  }
  return found;
}

/** Payload that arrives at an end in so many milliseconds, in Mbit/s. */
function rateFor(world: World, side: Side, ms: number): number {
  const read = () => world.ends[side].session.snapshot().statistics.receivedBytes;
  const before = read();
  world.advance(ms);
  return ((read() - before) * 8) / ms / 1000;
}

describe.each([
  { name: 'download', spec: endless, receiver: 'client' },
  { name: 'upload', spec: endlessUpload, receiver: 'concentrator' },
] as const)('a $name whose sender slows down for each loss', ({ spec, receiver }) => {
  it('gets several subflows on an uplink with 1 % random loss, and so several times the rate', () => {
    const world = connectedWorld(lossy);
    world.openStream(spec);
    world.advance(1_000);
    expect(counts(world)).toEqual({ lossy: 1 });
    const alone = rateFor(world, receiver, 1_000);
    world.advance(25_000);
    expect(counts(world)).toEqual({ lossy: 8 });
    expect(rateFor(world, receiver, 10_000)).toBeGreaterThan(4 * alone);
  });
});

describe('an uplink keeps one subflow', () => {
  it.each([
    { why: 'its sender uses BBR', shape: { ...lossyShape, congestionControl: 'bbr' } },
    { why: 'it loses nothing but what its full queue drops', shape: { ...lossyShape, lossRate: 0 } },
    { why: 'one fills it in spite of its losses', shape: { ...lossyShape, mbit: 1, lossRate: 0.004 } },
  ] as const)('where $why', ({ shape }) => {
    const world = connectedWorld(uplink('only', shape));
    world.openStream(endless);
    for (let second = 0; second < 30; second++) {
      world.advance(1_000);
      expect(counts(world)).toEqual({ only: 1 });
    }
  });

  it('where little is asked of it', () => {
    const world = connectedWorld(lossy);
    const trickle = eager(100_000_000, { sendsAfterPeer: true, chunkBytes: 2_000, writePauseMs: 20 });
    world.openStream({ ...endless, origin: trickle });
    world.advance(30_000);
    expect(counts(world)).toEqual({ lossy: 1 });
  });
});

describe('subflows that were added', () => {
  it('go again when the uplink has not been used for long, without a byte lost or doubled', () => {
    const world = connectedWorld(lossy, uplink('clean', { ...lossyShape, mbit: 10, lossRate: 0 }));
    const run = world.openStream(download(60_000_000))!;
    world.advance(15_000);
    expect(counts(world).lossy).toBeGreaterThan(2);
    finishTime(world, run);
    world.advance(60_000);
    expect(counts(world)).toEqual({ lossy: 1, clean: 1 });
    for (const side of ['client', 'concentrator'] as const) {
      expect(world.ends[side].subflowIds).toHaveLength(2);
    }
    settle(world);
  });

  it('are taken out of use while a transfer goes on, when the path loses nothing any more', () => {
    const world = connectedWorld(lossy);
    const run = world.openStream(download(200_000_000))!;
    world.advance(25_000);
    expect(counts(world)).toEqual({ lossy: 8 });
    world.uplinks[0]!.links.down.shape.lossRate = 0;
    run.client.longestGapMs = 0;
    world.advance(45_000);
    expect(counts(world).lossy).toBeLessThan(4);
    expect(run.client.longestGapMs).toBeLessThan(400);
    finishTime(world, run);
    settle(world);
  });

  it('do not disturb the other uplinks of the session', () => {
    const clean = uplink('clean', { ...lossyShape, mbit: 20, lossRate: 0 });
    const world = connectedWorld(lossy, clean);
    world.openStream(endless);
    world.advance(30_000);
    expect(counts(world)).toEqual({ lossy: 8, clean: 1 });
    expect(rateFor(world, 'client', 10_000)).toBeGreaterThan(0.7 * 20 + 12);
  });

  it('come back after an outage of their uplink, and the transfer goes on meanwhile', () => {
    const clean = uplink('clean', { ...lossyShape, mbit: 10, lossRate: 0 });
    const world = connectedWorld(lossy, clean);
    const run = world.openStream(download(100_000_000))!;
    world.advance(20_000);
    const [first] = world.uplinks;
    first!.isUp = false;
    for (const connection of first!.connections) connection.sever({ client: 5, concentrator: 50 });
    run.client.longestGapMs = 0;
    world.advance(5_000);
    expect(run.client.longestGapMs).toBeLessThan(500);
    first!.isUp = true;
    world.advance(25_000);
    expect(counts(world).lossy).toBeGreaterThan(2);
    finishTime(world, run);
    settle(world);
  });
});
