import { describe, expect, it } from 'vitest';
import { settle } from '../invariants.ts';
import { SIDES, type Uplink } from '../network.ts';
import { connectedWorld, download, finishTime, steadyUplink } from '../steady.ts';
import { open, streaming, Usage } from './steered.ts';

const wifi = steadyUplink('wifi', { downMbit: 20, roundTripMs: 30 });
const lte = steadyUplink('lte', { downMbit: 20, roundTripMs: 60 });

function setRoundTrip({ links }: Uplink, ms: number): void {
  for (const { shape } of [links.up, links.down]) shape.delayMs = ms / 2;
}

function blackHole(uplink: Uplink): void {
  uplink.isUp = false;
  for (const connection of uplink.connections) connection.stall(SIDES);
}

function recover(uplink: Uplink): void {
  uplink.isUp = true;
  for (const connection of uplink.connections) connection.resume(50);
}

/** A few tiles of a map, again and again. */
const map = streaming(0.5, 100);

describe('lowest-latency', () => {
  it('takes the uplink with the lower delay, and nothing of the other', () => {
    const world = connectedWorld(lte, wifi);
    open(world, map, { mode: 'lowest-latency' });
    const usage = new Usage(world);
    world.advance(10_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
  });

  it('leaves an uplink above 250 ms within two seconds, and comes back once, some time after it is good', () => {
    const world = connectedWorld(wifi, lte);
    open(world, map, { mode: 'lowest-latency' });
    const usage = new Usage(world);
    world.advance(5_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
    setRoundTrip(world.uplinks[0]!, 500);
    world.advance(2_000);
    usage.take();
    world.advance(8_000);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.95);
    setRoundTrip(world.uplinks[0]!, 30);
    world.advance(20_000);
    usage.take();
    world.advance(5_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
  });

  it('stays away longer and longer from one that goes up and down', () => {
    const world = connectedWorld(wifi, lte);
    open(world, map, { mode: 'lowest-latency' });
    const usage = new Usage(world);
    let switches = 0;
    let last = 'wifi';
    for (let second = 0; second < 120; second++) {
      setRoundTrip(world.uplinks[0]!, second % 8 < 3 ? 400 : 30);
      world.advance(1_000);
      const now = usage.shareOf('wifi') > 0.5 ? 'wifi' : 'lte';
      if (now !== last) switches++;
      last = now;
    }
    // It turns bad 15 times.
    expect(switches).toBeGreaterThan(0);
    expect(switches).toBeLessThan(9);
  });

  it('goes by the limits of its policy', () => {
    const world = connectedWorld(wifi, lte);
    open(world, map, { mode: 'lowest-latency', maxRttMs: 50 });
    setRoundTrip(world.uplinks[0]!, 58);
    world.advance(2_000);
    const usage = new Usage(world);
    world.advance(5_000);
    // Neither is below 50 ms; the better one stays in use.
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
    setRoundTrip(world.uplinks[1]!, 20);
    world.advance(5_000);
    usage.take();
    world.advance(5_000);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.95);
  });

  it('leaves an uplink that loses too much', () => {
    const world = connectedWorld(wifi, lte);
    open(world, streaming(4), { mode: 'lowest-latency', maxLoss: 0.02 });
    world.advance(3_000);
    world.uplinks[0]!.links.down.shape.lossRate = 0.08;
    world.advance(5_000);
    const usage = new Usage(world);
    world.advance(5_000);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.95);
  });

  it('does not leave an uplink for being busy with what it sends itself', () => {
    const twin = steadyUplink('twin', { downMbit: 20, roundTripMs: 33 });
    const world = connectedWorld(wifi, twin);
    open(world, download(1_000_000_000), { mode: 'lowest-latency' });
    const usage = new Usage(world);
    world.advance(20_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
  });
});

describe('active-standby', () => {
  const policy = { mode: 'active-standby', order: ['lte', 'wifi'] } as const;

  it('takes the preferred uplink alone, though the other is faster', () => {
    const world = connectedWorld(wifi, lte);
    const run = open(world, download(20_000_000), policy);
    const usage = new Usage(world);
    const ms = finishTime(world, run);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.98);
    expect((20_000_000 * 8) / ms / 1000).toBeGreaterThan(0.85 * 20);
  });

  it('goes on over the other when it is a black hole, and comes back', () => {
    const world = connectedWorld(wifi, lte);
    const run = open(world, streaming(4), policy);
    world.advance(5_000);
    run.client.longestGapMs = 0;
    const usage = new Usage(world);
    blackHole(world.uplinks[1]!);
    world.advance(2_000);
    expect(run.client.longestGapMs).toBeLessThan(500);
    usage.take();
    world.advance(3_000);
    expect(usage.shareOf('wifi')).toBeGreaterThan(0.95);
    recover(world.uplinks[1]!);
    world.advance(12_000);
    usage.take();
    world.advance(5_000);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.95);
    expect(run.client.longestGapMs).toBeLessThan(500);
  });
});

describe('a stream that is bound to uplinks', () => {
  it('uses those alone', () => {
    const world = connectedWorld(wifi, lte);
    const run = open(world, download(10_000_000), { mode: 'aggregate', only: ['lte'] });
    const usage = new Usage(world);
    finishTime(world, run);
    expect(usage.shareOf('wifi')).toBeLessThan(0.02);
    settle(world);
  });

  it('uses a backup that it is bound to', () => {
    const world = connectedWorld(wifi, { ...lte, isBackup: true });
    const run = open(world, download(10_000_000), { mode: 'aggregate', only: ['lte'] });
    const usage = new Usage(world);
    finishTime(world, run);
    expect(usage.shareOf('wifi')).toBeLessThan(0.02);
  });

  it('waits for them while others go on, and loses nothing', () => {
    const world = connectedWorld(wifi, lte);
    const bound = open(world, download(20_000_000), { mode: 'aggregate', only: ['lte'] });
    world.advance(2_000);
    const [, second] = world.uplinks;
    blackHole(second!);
    world.advance(3_000);
    const before = bound.client.receivedBytes;
    const free = open(world, download(2_000_000), { mode: 'aggregate' });
    expect(finishTime(world, free)).toBeLessThan(2_000);
    const usage = new Usage(world);
    world.advance(10_000);
    expect(bound.client.receivedBytes).toBe(before);
    expect(usage.take().wifi).toBeLessThan(50_000);
    recover(second!);
    finishTime(world, bound);
    settle(world);
    expect(bound.client.receivedBytes).toBe(20_000_000);
  });

  it('fails at both ends, once it has waited as long as a session may', () => {
    const world = connectedWorld(wifi, lte);
    const bound = open(world, download(20_000_000), { mode: 'aggregate', only: ['lte'] });
    world.advance(2_000);
    const [, second] = world.uplinks;
    second!.isUp = false;
    for (const connection of second!.connections) connection.sever({ client: 5, concentrator: 5 });
    world.advance(59_000);
    expect([bound.client.failure, bound.origin!.failure]).toEqual([undefined, undefined]);
    world.advance(2_000);
    expect([bound.client.failure, bound.origin!.failure]).toEqual(['uplinksLost', 'uplinksLost']);
    expect(world.ends.client.session.isClosed).toBe(false);
    expect(world.chunks.lent).toBe(0);
  });

  it('does not hold up others, however many wait', () => {
    const world = connectedWorld(wifi, lte);
    const [, second] = world.uplinks;
    second!.isUp = false;
    for (const connection of second!.connections) connection.sever({ client: 5, concentrator: 5 });
    world.advance(500);
    for (let i = 0; i < 200; i++) open(world, download(100_000), { mode: 'priority', only: ['lte'] });
    world.advance(1_000);
    expect(finishTime(world, open(world, download(2_000_000), { mode: 'aggregate' }))).toBeLessThan(2_000);
    second!.isUp = true;
    settle(world);
  });

  it('does not hold up others, however many keep a slow one busy', () => {
    const world = connectedWorld(wifi, steadyUplink('slow', { downMbit: 0.5, roundTripMs: 60 }));
    for (let i = 0; i < 80; i++) open(world, download(10_000_000), { mode: 'aggregate', only: ['slow'] });
    world.advance(3_000);
    for (const policy of [{ mode: 'aggregate', only: ['wifi'] }, { mode: 'aggregate' }] as const) {
      expect(finishTime(world, open(world, download(2_000_000), policy))).toBeLessThan(2_000);
    }
  });
});

describe('a stream with a policy for each direction', () => {
  const both = {
    ...streaming(4),
    client: { ...streaming(2).origin, sendsAfterPeer: false },
    origin: { ...streaming(4).origin, sendsAfterPeer: false },
  };

  it('goes up over one uplink and down over the other, and back when it is steered so', () => {
    const world = connectedWorld(wifi, lte);
    const order = (name: string) => ({ mode: 'active-standby', order: [name] }) as const;
    open(world, both, { ...order('lte'), down: order('wifi') });
    world.advance(2_000);
    const [down, up] = [new Usage(world), new Usage(world, 'client')];
    world.advance(5_000);
    expect([down.shareOf('wifi') > 0.95, up.shareOf('lte') > 0.9]).toEqual([true, true]);
    world.steer(0, { ...order('wifi'), down: order('lte') });
    world.advance(500);
    down.take();
    up.take();
    world.advance(5_000);
    expect([down.shareOf('lte') > 0.95, up.shareOf('wifi') > 0.9]).toEqual([true, true]);
  });

  it('has the mode of each direction', () => {
    const world = connectedWorld(wifi, lte);
    open(world, both, { mode: 'redundant', down: { mode: 'aggregate', only: ['wifi'] } });
    world.advance(2_000);
    const [down, up] = [new Usage(world), new Usage(world, 'client')];
    world.advance(5_000);
    expect(down.shareOf('wifi')).toBeGreaterThan(0.95);
    expect(Math.abs(up.shareOf('wifi') - 0.5)).toBeLessThan(0.1);
  });
});

describe('a policy that changes while the stream is open', () => {
  it('moves both directions', () => {
    const world = connectedWorld(wifi, lte);
    const both = { ...streaming(4), client: streaming(2).origin };
    open(
      world,
      {
        ...both,
        client: { ...both.client, sendsAfterPeer: false },
        origin: { ...both.origin, sendsAfterPeer: false },
      },
      {
        mode: 'active-standby',
        order: ['wifi'],
      },
    );
    world.advance(3_000);
    const [down, up] = [new Usage(world), new Usage(world, 'client')];
    world.advance(3_000);
    expect(down.shareOf('wifi')).toBeGreaterThan(0.9);
    expect(up.shareOf('wifi')).toBeGreaterThan(0.9);
    world.steer(0, { mode: 'active-standby', only: ['lte'] });
    world.advance(500);
    down.take();
    up.take();
    world.advance(3_000);
    expect(down.shareOf('lte')).toBeGreaterThan(0.9);
    expect(up.shareOf('lte')).toBeGreaterThan(0.9);
  });

  it('makes an uplink a backup, and one like any other again, for both ends', () => {
    const world = connectedWorld(wifi, lte);
    open(world, download(1_000_000_000), { mode: 'aggregate' });
    world.advance(3_000);
    const usage = new Usage(world);
    const lteId = world.ends.client.session
      .snapshot()
      .subflows.find(({ uplinkName }) => uplinkName === 'lte')!.id;
    for (const [isBackup, most] of [
      [true, 0.02],
      [false, 1],
      [true, 0.02],
    ] as const) {
      world.ends.client.input(({ subflows }) => subflows.setBackup(lteId, isBackup));
      world.ends.client.wake();
      world.advance(1_000);
      usage.take();
      world.advance(3_000);
      const share = usage.shareOf('lte');
      expect(share).toBeLessThan(most);
      if (!isBackup) expect(share).toBeGreaterThan(0.3);
    }
    blackHole(world.uplinks[0]!);
    world.advance(1_000);
    usage.take();
    world.advance(2_000);
    expect(usage.shareOf('lte')).toBeGreaterThan(0.9);
  });
});
