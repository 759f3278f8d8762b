import { expect, test } from 'vitest';
import { type DatagramArrival, flowFigures } from './flow-figures.ts';

/** Sent 20 ms after each other, and as long on the way as said. */
const came = (sequence: number, delayMs = 10): DatagramArrival => ({
  sequence,
  sentMs: 20 * sequence,
  receivedMs: 20 * sequence + delayMs,
});

test('delays are those of what came, loss is what did not, gaps are between arrivals', () => {
  const arrivals = [came(0), came(1, 30), came(2, 15), came(7)];
  expect(flowFigures({ sent: 10, arrivals })).toEqual({
    ...{ sent: 10, lossShare: 0.6, p50Ms: 10, p95Ms: 30, p99Ms: 30 },
    ...{ longestGapMs: 95, reorderedShare: 0, repeats: 0 },
  });
});

test.each([
  { what: 'in order', order: [0, 1, 2, 3, 4, 5], reordered: 0 },
  { what: 'late by three', order: [1, 2, 3, 0, 4, 5], reordered: 0 },
  { what: 'late by four', order: [1, 2, 3, 4, 0, 5], reordered: 1 },
  { what: 'two late by four', order: [2, 3, 4, 5, 0, 1], reordered: 2 },
  { what: 'early only', order: [5, 0, 1, 2, 3, 4], reordered: 0 },
])('reordered: $what', ({ order, reordered }) => {
  const { reorderedShare } = flowFigures({ sent: 6, arrivals: order.map((sequence) => came(sequence)) });
  expect(reorderedShare * order.length).toBeCloseTo(reordered);
});

test('a datagram that comes again counts once', () => {
  expect(flowFigures({ sent: 2, arrivals: [came(0), came(0), came(1)] })).toMatchObject({
    lossShare: 0,
    repeats: 1,
  });
});

test('nothing came', () => {
  expect(flowFigures({ sent: 5, arrivals: [] })).toMatchObject({
    lossShare: 1,
    longestGapMs: 0,
    p99Ms: Number.NaN,
  });
});
