import { describe, expect, it } from 'vitest';
import type { UplinkShape } from '../network.ts';
import { DatagramBed, FIFTEENS, link } from './datagram-bed.ts';
import { FlowRun, VIDEO, VIDEO_CALL_DOWN, VIDEO_CALL_UP, VOICE } from './flow-run.ts';
import { quicThroughPair } from './quic-download.ts';

/** As `joinAboveUtilization: 80%`: an uplink is joined when the others are so full for two seconds, and left after 30 s below this. */
const JOIN_SHARE = 0.8;
const LEAVE_SHARE = 0.75 * JOIN_SHARE;

/** What the client knows of the first uplink, second by second. */
function sharesOf({ world }: DatagramBed, seconds: number): readonly number[] {
  const { client } = world.ends;
  const [{ shape }] = world.uplinks as [(typeof world.uplinks)[0]];
  return Array.from({ length: seconds }, () => {
    world.advance(1_000);
    const { uplinks } = client.input((session) => session.snapshot());
    return uplinks.find(({ name }) => name === shape.name)?.utilization ?? 0;
  });
}

function longest(shares: readonly number[], holds: (share: number) => boolean): number {
  let [most, run] = [0, 0];
  for (const share of shares) {
    run = holds(share) ? run + 1 : 0;
    most = Math.max(most, run);
  }
  return most;
}

const isFull = (share: number) => share >= JOIN_SHARE;

function withJitter(shape: UplinkShape, jitterMs: number): UplinkShape {
  return { ...shape, up: { ...shape.up, jitterMs }, down: { ...shape.down, jitterMs } };
}

describe('the utilization of an uplink that datagrams fill', () => {
  it.each(['concentrator', 'client'] as const)('is that of a QUIC transfer from the %s', (from) => {
    const bed = new DatagramBed([link('a', 8, 40, 100)]);
    quicThroughPair(bed, from);
    const shares = sharesOf(bed, 5);
    expect(longest(shares, isFull), shares.join()).toBeGreaterThanOrEqual(3);
  });

  it('is that of a video call over too slow a link', () => {
    const bed = new DatagramBed([link('a', 2, 40, 200)]);
    new FlowRun(bed.world, { client: VIDEO_CALL_UP, concentrator: VIDEO_CALL_DOWN }, 5_000);
    const shares = sharesOf(bed, 5);
    expect(longest(shares, isFull), shares.join()).toBeGreaterThanOrEqual(3);
  });

  it('stays while a second one helps out', () => {
    const bed = new DatagramBed(FIFTEENS);
    const [, second] = bed.world.uplinks;
    bed.network.pause(second!, 'vanish');
    new FlowRun(bed.world, { concentrator: VIDEO }, 40_000);
    expect(longest(sharesOf(bed, 5), isFull)).toBeGreaterThanOrEqual(2);
    bed.network.resume(second!);
    const shares = sharesOf(bed, 30);
    expect(
      longest(shares, (share) => share < LEAVE_SHARE),
      shares.join(),
    ).toBeLessThan(15);
    expect(second!.links.down.carriedBytes).toBeGreaterThan(10_000_000);
  });

  it('is none once the transfer is over', () => {
    const bed = new DatagramBed(FIFTEENS.slice(0, 1));
    new FlowRun(bed.world, { concentrator: VIDEO }, 5_000);
    expect(longest(sharesOf(bed, 5), isFull)).toBeGreaterThanOrEqual(3);
    expect(sharesOf(bed, 3).at(-1)).toBe(0);
  });
});

describe('the utilization of an uplink with room for its datagrams', () => {
  const call = { client: VIDEO_CALL_UP, concentrator: VIDEO_CALL_DOWN };
  const even = link('a', 20, 40, 100);

  it.each([
    { name: 'a video call', shape: even, paces: call },
    { name: 'a video of half its rate', shape: even, paces: { concentrator: { bytes: 1_200, gapMs: 0.96 } } },
    { name: 'a call over a lossy link', shape: link('a', 20, 40, 100, 15), paces: { client: VOICE } },
    { name: 'a video call over a lossy link', shape: link('a', 20, 40, 100, 15), paces: call },
    { name: 'a video call with jitter of 10 ms', shape: withJitter(even, 10), paces: call },
    { name: 'a video call with jitter of 30 ms', shape: withJitter(even, 30), paces: call },
  ])('is not full: $name', ({ shape, paces }) => {
    const bed = new DatagramBed([shape]);
    new FlowRun(bed.world, paces, 15_000);
    const shares = sharesOf(bed, 15);
    expect(longest(shares, isFull), shares.join()).toBeLessThan(2);
  });

  it('is not full: a video call while the radio pauses again and again', () => {
    const bed = new DatagramBed([even]);
    new FlowRun(bed.world, call, 15_000);
    bed.pauses(15_000, [300, 1_500], [100, 400]);
    const shares = sharesOf(bed, 15);
    expect(longest(shares, isFull), shares.join()).toBeLessThan(2);
  });
});
