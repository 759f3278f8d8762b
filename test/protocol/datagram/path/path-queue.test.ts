import { expect, it } from 'vitest';
import { PathQueue } from '../../../../shared/protocol/datagram/path/path-queue.ts';
import { TestClock } from '../../test-clock.ts';

/** 20 Mbit/s, 40 ms; 10 kB wait for feedback on average. */
function pathWith(inFlightBytes: number) {
  return { inFlightBytes, bytesPerSecond: 2_500_000, times: { minMs: 40, feedbackMs: 15 } };
}

it('tells a queue at once from what is under way, before any round trip shows it', () => {
  const path = pathWith(110_000);
  const queue = new PathQueue(path, new TestClock());
  expect(queue.ms).toBeCloseTo(0);
  path.inFlightBytes += 50_000;
  expect(queue.ms).toBeCloseTo(20);
});

it('expects round trips to be as long as that, and learns only what is more', () => {
  const clock = new TestClock();
  const queue = new PathQueue(pathWith(160_000), clock);
  for (let i = 0; i < 50; i++) {
    clock.ms += 10;
    queue.onRoundTrip(20, 160_000);
  }
  expect(queue.ms).toBeCloseTo(20);
});

it.each([
  ["others' queues", 30, 0, 30],
  ['a rate that is less than believed', 50, 160_000, 30],
])('learns %s from round trips, slowly', (_name, queueMs, inFlightBytes, expected) => {
  const clock = new TestClock();
  const queue = new PathQueue(pathWith(0), clock);
  clock.ms += 10;
  queue.onRoundTrip(queueMs, inFlightBytes);
  expect(queue.ms).toBeLessThan(expected / 4);
  for (let i = 0; i < 60; i++) {
    clock.ms += 10;
    queue.onRoundTrip(queueMs, inFlightBytes);
  }
  expect(Math.abs(queue.ms - expected)).toBeLessThan(1);
});
