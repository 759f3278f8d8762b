import { describe, expect, it } from 'vitest';
import { SessionClock } from '../../shared/protocol/now.ts';
import { RATE_LIMIT_TUNING, TokenBucket } from '../../shared/protocol/subflow/token-bucket.ts';
import { settle } from './invariants.ts';
import type { UplinkShape } from './network.ts';
import { connectedWorld, download, eager, finishTime, steadyUplink, timeOf } from './steady.ts';
import { type StreamSpec, World } from './world.ts';

const MBIT = 125_000;
const endless = download(4_000_000_000);
const endlessUpload: StreamSpec = { ...download(0), client: eager(1_000_000_000) };
const fast = (name: string, more: Partial<UplinkShape> = {}): UplinkShape => ({
  ...steadyUplink(name, { downMbit: 50, roundTripMs: 30 }),
  ...more,
});

function limit(world: World, uplinkName: string, downMbit: number, upMbit: number): void {
  const rates = { receiveBytesPerSecond: downMbit * MBIT, sendBytesPerSecond: upMbit * MBIT };
  world.ends.client.input(({ uplinks }) => uplinks.limitRate(uplinkName, { ...rates, isMetered: true }));
  world.ends.client.wake();
  world.advance(200);
}

/** What the ends write on an uplink in so many seconds, as it counts on the wire, in Mbit/s. */
function wireRates(world: World, uplinkName: string, seconds: number) {
  const written = (side: 'client' | 'concentrator') =>
    world.ends[side].session
      .snapshot()
      .subflows.filter((subflow) => subflow.uplinkName === uplinkName)
      .reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  const before = { up: written('client'), down: written('concentrator') };
  world.advance(seconds * 1000);
  const rate = (bytes: number) => (bytes * RATE_LIMIT_TUNING.wireOverhead) / MBIT / seconds;
  return { up: rate(written('client') - before.up), down: rate(written('concentrator') - before.down) };
}

describe('a limited uplink', () => {
  it.each([
    { name: 'download', spec: endless, direction: 'down', mbit: 10 },
    { name: 'upload', spec: endlessUpload, direction: 'up', mbit: 2 },
  ] as const)('keeps to its limit within 5 % over seconds: $name', ({ spec, direction, mbit }) => {
    const world = connectedWorld(fast('lte'));
    limit(world, 'lte', 10, 2);
    world.openStream(spec);
    world.advance(1_000);
    for (let second = 0; second < 10; second++) {
      const rate = wireRates(world, 'lte', 1)[direction];
      expect(rate).toBeGreaterThan(mbit * 0.95);
      expect(rate).toBeLessThan(mbit * 1.05);
    }
  });

  it('keeps to it in both directions at once, acknowledgements and receipts included', () => {
    // Where bulk goes both ways the kernel's figures count, as fresh as the runtime has them.
    const world = new World({ seed: 1, uplinks: [fast('lte')], measures: true, measureIntervalMs: 2 });
    world.connect();
    world.advance(3_000);
    limit(world, 'lte', 10, 2);
    world.openStream(endless);
    world.openStream(endlessUpload);
    world.advance(1_000);
    const { up, down } = wireRates(world, 'lte', 10);
    expect(down).toBeGreaterThan(9.5);
    expect(down).toBeLessThan(10.5);
    // The acknowledgements of the download take their share of it.
    expect(up).toBeGreaterThan(1.6);
    expect(up).toBeLessThan(2.1);
  });

  it('lets data through beside a download whose acknowledgements alone pass the limit', () => {
    const world = connectedWorld(fast('lte'));
    limit(world, 'lte', 0, 0.5);
    world.openStream(endless);
    world.advance(10_000);
    expect(timeOf(world, download(1_000))).toBeLessThan(500);
  });

  it('shares its limit among its subflows', () => {
    const lossy = fast('lte', { congestionControl: 'reno' });
    for (const link of [lossy.up, lossy.down]) link.lossRate = 0.01;
    const world = connectedWorld(lossy);
    const { session } = world.ends.client;
    world.paths.want('lte', 4);
    world.advance(2_000);
    expect(session.snapshot().subflows).toHaveLength(4);
    limit(world, 'lte', 10, 2);
    world.openStream(endless);
    world.advance(1_000);
    const { down } = wireRates(world, 'lte', 5);
    expect(down).toBeGreaterThan(9);
    expect(down).toBeLessThan(10.5);
  });

  it('has it again after it was lost and came back', () => {
    const world = connectedWorld(fast('lte'));
    limit(world, 'lte', 10, 2);
    world.openStream(endless);
    world.advance(1_000);
    for (const connection of world.uplinks[0]!.connections) connection.sever({ client: 5, concentrator: 50 });
    world.advance(5_000);
    const { down } = wireRates(world, 'lte', 5);
    expect(down).toBeGreaterThan(9.5);
    expect(down).toBeLessThan(10.5);
  });

  it('is at full speed again when the limit ends', () => {
    const world = connectedWorld(fast('lte'));
    limit(world, 'lte', 5, 2);
    world.openStream(endless);
    world.advance(5_000);
    limit(world, 'lte', 0, 0);
    world.advance(3_000);
    expect(wireRates(world, 'lte', 5).down).toBeGreaterThan(45);
  });
});

describe('the uplinks beside a limited one', () => {
  const both = () => [fast('dsl'), fast('lte', steadyUplink('lte', { downMbit: 50, roundTripMs: 20 }))];

  it('carry what they can, and the limited one its limit besides', () => {
    const world = connectedWorld(...both());
    limit(world, 'lte', 10, 2);
    world.openStream(endless);
    world.advance(5_000);
    const rates = { dsl: 0, lte: 0 };
    for (let i = 0; i < 5; i++) {
      rates.dsl += wireRates(world, 'dsl', 1).down / 5;
      rates.lte += wireRates(world, 'lte', 1).down / 5;
    }
    expect(rates.dsl).toBeGreaterThan(0.93 * 50);
    expect(rates.lte).toBeGreaterThan(0.9 * 10);
    expect(rates.lte).toBeLessThan(10.5);
  });

  it('keep short transfers quick beside a long one', () => {
    const durations = (limited: boolean) => {
      const [dsl, lte] = both();
      const world = limited ? connectedWorld(dsl!, lte!) : connectedWorld(dsl!);
      if (limited) limit(world, 'lte', 10, 2);
      world.openStream(endless);
      world.advance(5_000);
      const times: number[] = [];
      for (let i = 0; i < 40; i++) {
        times.push(timeOf(world, download(20_000)));
        world.advance(97);
      }
      return times.sort((a, b) => a - b);
    };
    const [beside, alone] = [durations(true), durations(false)];
    expect(beside[20]).toBeLessThan(alone[20]! * 1.1);
    expect(beside[37]).toBeLessThan(alone[37]! * 1.25);
  });

  it('and all bytes arrive once, when the limit comes in the middle of a transfer', () => {
    const world = connectedWorld(...both());
    const run = world.openStream(download(30_000_000))!;
    world.advance(1_000);
    limit(world, 'lte', 0.2, 0.1);
    finishTime(world, run);
    settle(world);
  });
});

it('a bucket at a gigabit lets out whole segments', () => {
  const bucket = new TokenBucket(1_000 * MBIT, new SessionClock(0), RATE_LIMIT_TUNING);
  bucket.spend(256 * 1024);
  expect(bucket.isOpen).toBe(true);
});
