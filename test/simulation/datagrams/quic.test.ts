import { describe, expect, it } from 'vitest';
import type { UplinkShape } from '../network.ts';
import { megabitsPerSecond } from '../steady.ts';
import { DatagramBed, link, TWIN } from './datagram-bed.ts';
import { type QuicRun, quicOverUplink, quicThroughPair } from './quic-download.ts';
import { QUIC_PACKET_BYTES } from './quic-sender.ts';

/** As long as a browser's download of 12 MB. */
const MS = 3_000;

interface Case {
  readonly name: string;
  readonly uplinks: readonly UplinkShape[];
  /** One link with the rate of all, and the longest round trip of those with like ones. */
  readonly sum: UplinkShape;
  /** Of what QUIC's own congestion control takes there; headers take 3 percent. */
  readonly ofSum: number;
  /** Of what it takes of the best uplink alone. */
  readonly ofBest: number;
}

/**
 * Where the delays differ by more than an eighth, HyStart takes the longer one for a queue and ends slow start at the rate of the faster uplink;
 * New Reno then grows by a packet in each round trip.
 */
const CASES: readonly Case[] = [
  { name: '20 + 20', uplinks: TWIN, sum: link('sum', 40, 40, 100), ofSum: 0.94, ofBest: 1.8 },
  {
    ...{ name: '30 + 10', uplinks: [link('a', 30, 40, 100), link('b', 10, 40, 100)] },
    ...{ sum: link('sum', 40, 40, 100), ofSum: 0.91, ofBest: 1.2 },
  },
  {
    ...{ name: '50 + 20, 20 and 25 ms', uplinks: [link('a', 50, 20, 100), link('b', 20, 25, 100)] },
    ...{ sum: link('sum', 70, 25, 100), ofSum: 0.94, ofBest: 1.3 },
  },
  {
    ...{ name: '15 + 15, 30 and 50 ms', uplinks: [link('a', 15, 30, 100), link('b', 15, 50, 100)] },
    ...{ sum: link('sum', 30, 50, 100), ofSum: 0.75, ofBest: 1.4 },
  },
  {
    ...{
      name: 'three cellular',
      uplinks: [link('a', 12, 60, 200), link('b', 9, 80, 300), link('c', 5, 110, 400)],
    },
    ...{ sum: link('sum', 26, 80, 300), ofSum: 0.5, ofBest: 1.05 },
  },
];

describe.each(CASES)('QUIC over $name', ({ uplinks, sum, ofSum, ofBest }) => {
  it.each(['concentrator', 'client'] as const)('takes what it does of one link as fast (from %s)', (from) => {
    const alone = (shape: UplinkShape) => {
      const bed = new DatagramBed([shape]);
      return rateOf(bed, quicOverUplink(bed, bed.uplink(shape.name), from), `plain UDP over ${shape.name}`);
    };
    const most = alone(sum);
    const best = Math.max(...uplinks.map(alone));
    const bed = new DatagramBed(uplinks);
    const rate = rateOf(bed, quicThroughPair(bed, from), `from ${from} through the pair`);
    process.stdout.write(
      `  ${(rate / most).toFixed(3)} of the sum, ${(rate / best).toFixed(2)} of the best\n`,
    );
    expect(rate / most).toBeGreaterThan(ofSum);
    expect(rate / best).toBeGreaterThan(ofBest);
  });
});

/** @returns Mbit/s */
function rateOf({ world }: DatagramBed, { sender, receiver }: QuicRun, name: string): number {
  world.advance(MS);
  const rate = megabitsPerSecond(receiver.packets * QUIC_PACKET_BYTES, MS);
  const { slowStartEnd: end, lostPackets, spuriousPackets, smoothedMs, windowPackets } = sender;
  process.stdout.write(
    `${name}: ${rate.toFixed(2)} Mbit/s, ${lostPackets} lost, ${spuriousPackets} of them wrongly, round trip ${smoothedMs.toFixed(0)} ms, ` +
      `window ${windowPackets}, slow start ${end === undefined ? 'goes on' : `to ${end.packets} by ${end.by}`}\n`,
  );
  return rate;
}
