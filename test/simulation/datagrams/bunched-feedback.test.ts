import { describe, expect, it } from 'vitest';
import { megabitsPerSecond } from '../steady.ts';
import { DatagramBed, link } from './datagram-bed.ts';
import { quicThroughPair } from './quic-download.ts';
import { QUIC_PACKET_BYTES } from './quic-sender.ts';

const FULL = link('a', 8, 40, 100);
const SECOND = link('b', 20, 60, 100);
const SECONDS = 7;

/** On the way back of each link packets come up to `jitterMs` later, and all wait for `stallMs` every `everyMs`. */
interface Back {
  readonly jitterMs: number;
  readonly stallMs: number;
  readonly everyMs: number;
}

/** A QUIC download. @returns Mbit/s, and its round trip at the end of each second */
function download(shapes: readonly (typeof FULL)[], { jitterMs, stallMs, everyMs }: Back) {
  const bed = new DatagramBed(shapes.map((shape) => ({ ...shape, up: { ...shape.up, jitterMs } })));
  const { clock } = bed.world;
  const stall = () => {
    for (const { links } of bed.world.uplinks) bed.network.hold(links.up, stallMs);
    clock.after(everyMs, stall);
  };
  clock.after(2_000, stall);
  const { sender, receiver } = quicThroughPair(bed);
  const roundTrips = Array.from({ length: SECONDS }, () => {
    bed.world.advance(1_000);
    return Math.round(sender.smoothedMs);
  });
  const mbit = megabitsPerSecond(receiver.packets * QUIC_PACKET_BYTES, SECONDS * 1_000);
  process.stdout.write(`${mbit.toFixed(2)} Mbit/s, round trips of ${roundTrips.join()} ms\n`);
  return { mbit, roundTrips };
}

describe.each([
  { jitterMs: 0, stallMs: 100, everyMs: 20_000, alone: 6.8, both: 19 },
  { jitterMs: 0, stallMs: 100, everyMs: 1_000, alone: 6.4, both: 17 },
  { jitterMs: 0, stallMs: 300, everyMs: 2_500, alone: 6.2, both: 14 },
  { jitterMs: 30, stallMs: 100, everyMs: 3_000, alone: 6, both: 17 },
])(
  'a full link whose feedback is bunched: jitter of $jitterMs ms, $stallMs ms in $everyMs',
  ({ alone, both, ...back }) => {
    it('is not taken for a faster one: its queue stays short', () => {
      const { mbit, roundTrips } = download([FULL], back);
      expect(mbit).toBeGreaterThan(alone);
      // The link's own queue would be 100 ms.
      expect(Math.max(...roundTrips)).toBeLessThan(FULL.up.delayMs * 2 + 30 + 2 * back.jitterMs);
    });

    it('lets a second uplink help out', () => {
      expect(download([FULL, SECOND], back).mbit).toBeGreaterThan(both);
    });
  },
);
