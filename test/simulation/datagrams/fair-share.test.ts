import { describe, expect, it } from 'vitest';
import type { Side, UplinkShape } from '../network.ts';
import { download, eager, megabitsPerSecond } from '../steady.ts';
import type { StreamSpec } from '../world.ts';
import { DatagramBed, link } from './datagram-bed.ts';
import { FlowRun, VOICE } from './flow-run.ts';

const MBIT = 125_000;
const MS = 8_000;
const BULK: Record<Side, StreamSpec> = {
  concentrator: download(1_000_000_000),
  client: { ...download(0), client: eager(1_000_000_000) },
};

interface Case {
  readonly name: string;
  readonly uplinks: readonly UplinkShape[];
  /** Mbit/s. */
  readonly limit?: number;
  readonly isUdpBlocked?: boolean;
  /** The flood is that of so many flows; one by default. */
  readonly flows?: number;
  /** Mbit/s that the uplinks carry. */
  readonly mbit: number;
}

const SLOW = [link('slow', 2, 60, 300)];
const MEDIUM = [link('medium', 5, 30, 100)];
const FAST = [link('fast', 50, 30, 100)];
const CASES: readonly Case[] = [
  { name: 'an uplink that is limited to 5 Mbit/s', uplinks: FAST, limit: 5, mbit: 5 },
  { name: 'an uplink of 2 Mbit/s', uplinks: SLOW, mbit: 2 },
  { name: 'an uplink on which UDP does not pass', uplinks: SLOW, mbit: 2, isUdpBlocked: true },
  { name: 'one with both, a limit and no UDP', uplinks: FAST, limit: 5, mbit: 5, isUdpBlocked: true },
  { name: 'small flows on an uplink without UDP', uplinks: MEDIUM, mbit: 5, isUdpBlocked: true, flows: 60 },
  { name: 'small flows under a limit', uplinks: FAST, limit: 5, mbit: 5, flows: 60 },
  {
    ...{ name: 'small flows under a limit without UDP', uplinks: FAST, limit: 5, mbit: 5 },
    ...{ isUdpBlocked: true, flows: 60 },
  },
];

describe.each(CASES)('a flood of datagrams, five times what passes, over $name', (one) => {
  it.each(['concentrator', 'client'] as const)('leaves TCP a fair share (from %s)', (side) => {
    const bed = new DatagramBed(one.uplinks);
    const { world, network } = bed;
    const uplinkName = one.uplinks[0]!.name;
    if (one.limit !== undefined) {
      const rate = one.limit * MBIT;
      const limit = { sendBytesPerSecond: rate, receiveBytesPerSecond: rate, isMetered: false };
      world.ends.client.input(({ uplinks }) => uplinks.limitRate(uplinkName, limit));
      world.ends.client.wake();
    }
    if (one.isUdpBlocked) network.block(bed.uplink(uplinkName));
    world.advance(4_000);
    const gapMs = (1_200 * 8) / (5 * one.mbit * 1_000);
    const count = one.flows ?? 1;
    const floods = Array.from({ length: count }, (_, i) => {
      const pace = { bytes: 1_200, gapMs: gapMs * count * (1 + i / (10 * count)) };
      return new FlowRun(world, { [side]: pace }, 3 * MS);
    });
    const call = new FlowRun(world, { [side]: VOICE }, 3 * MS);
    world.advance(1_000);
    const stream = world.openStream(BULK[side])!;
    const to = side === 'concentrator' ? stream.client : undefined;
    const received = () => (to ?? stream.origin)?.receivedBytes ?? 0;
    world.advance(2_000);
    const from = received();
    world.advance(MS);
    const tcp = megabitsPerSecond(received() - from, MS);
    world.advance(3 * MS);
    const figures = floods.map(({ meters }) => meters[side].figures);
    const arrived = figures.reduce((sum, { sent, lossShare }) => sum + sent * (1 - lossShare), 0);
    const p95Ms = Math.max(...figures.map((flood) => flood.p95Ms));
    const voice = call.meters[side].figures;
    const udpMbit = megabitsPerSecond(arrived * 1_200, 3 * MS);
    process.stdout.write(
      `${one.name}, from ${side}: TCP ${tcp.toFixed(2)} of ${one.mbit} Mbit/s, flood ${udpMbit.toFixed(2)}, ` +
        `flood's p95 ${p95Ms.toFixed(0)} ms; a call: ${(voice.lossShare * 100).toFixed(1)} % lost, p95 ${voice.p95Ms.toFixed(0)} ms\n`,
    );
    expect(tcp).toBeGreaterThan(0.4 * one.mbit);
    expect(udpMbit).toBeGreaterThan(0.3 * one.mbit);
    // Where only our own queues are full a call does not wait in them behind a flood.
    if (count === 1 && (one.limit !== undefined || one.isUdpBlocked))
      expect(voice.lossShare).toBeLessThan(0.01);
  });
});
