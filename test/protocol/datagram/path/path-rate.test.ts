import { expect, it } from 'vitest';
import { PathRate } from '../../../../shared/protocol/datagram/path/path-rate.ts';
import { TestClock } from '../../test-clock.ts';

const PACKET_BYTES = 1_250;

/** Sends at one rate over a path of another, both in packets per second, with feedback for 8 at a time. */
function play(rate: PathRate, clock: TestClock, sent: number, carried: number, ms: number): void {
  const sendGapMs = 1_000 / sent;
  const gapMs = Math.max(sendGapMs, 1_000 / carried);
  for (let counter = 1; counter * sendGapMs < ms; counter++) {
    const sentMs = clock.ms + sendGapMs;
    clock.ms = sentMs;
    rate.onConfirmed(PACKET_BYTES);
    if (counter % 8 === 0)
      rate.onNewest(counter, sentMs, 20 + counter * gapMs, counter * (gapMs - sendGapMs));
  }
}

it('knows the limit of a path that carries less than it is given', () => {
  const clock = new TestClock();
  const rate = new PathRate(clock);
  play(rate, clock, 2_000, 1_500, 500);
  expect(rate.isLimited).toBe(true);
  expect(rate.bytesPerSecond(40, 0) / PACKET_BYTES).toBeCloseTo(1_500, -2);
});

it('believes that a path carries more than it was ever given, or than others know of it', () => {
  const clock = new TestClock();
  const rate = new PathRate(clock);
  play(rate, clock, 1_000, 5_000, 500);
  expect(rate.isLimited).toBe(false);
  expect(rate.bytesPerSecond(40, 0) / PACKET_BYTES).toBeCloseTo(2_000, -2);
  expect(rate.bytesPerSecond(40, 1e7)).toBe(1e7);
});

it('takes no limit from the few packets of a call, however they jitter', () => {
  const clock = new TestClock();
  const rate = new PathRate(clock);
  for (let counter = 1; counter < 500; counter++) {
    clock.ms += 20;
    rate.onConfirmed(200);
    rate.onNewest(counter, clock.ms, clock.ms + 20 + (counter % 7) * 5, (counter % 7) * 5);
  }
  expect(rate.isLimited).toBe(false);
});

it('takes no limit from a few packets that an event loop was late with', () => {
  const clock = new TestClock();
  const rate = new PathRate(clock);
  // Every other 40 ms of 16 packets come 8 ms late, one after the other.
  for (let counter = 1; counter < 200; counter++) {
    clock.ms += 2.5;
    rate.onConfirmed(200);
    const lateMs = counter % 32 < 16 ? 0 : 8;
    rate.onNewest(counter, clock.ms, clock.ms + 20 + lateMs, lateMs);
  }
  expect(rate.isLimited).toBe(false);
});

it('lets the limit grow while it is not met, and forgets it', () => {
  const clock = new TestClock();
  const rate = new PathRate(clock);
  play(rate, clock, 2_000, 1_500, 500);
  const limit = rate.bytesPerSecond(40, 0);
  clock.ms += 4_000;
  expect(rate.bytesPerSecond(40, 0)).toBeCloseTo(limit * 1.2, -5);
  clock.ms += 6_000;
  expect(rate.isLimited).toBe(false);
});
