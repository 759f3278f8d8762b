import { expect, it } from 'vitest';
import { gradeOf, roundTripsPerMinute, trimmedMean } from '../../../client-proxy/speedtest/responsiveness.ts';

const times = (ms: number, count: number) => Array.from({ length: count }, () => ms);

it('leaves out the slowest twentieth', () => {
  expect(trimmedMean([...times(100, 19), 10_000])).toBe(100);
  expect(trimmedMean([100, 300])).toBe(200);
  expect(trimmedMean([7])).toBe(7);
});

it.each([
  ['both kinds', times(100, 20), times(300, 20), (600 + 200) / 2],
  ['new connections alone', times(100, 20), [], 600],
  ['no new connection', [], times(100, 20), undefined],
  ['one that took long', [...times(50, 39), 9_000], times(50, 40), 1_200],
])('counts round trips a minute: %s', (_, foreignMs, ownMs, rpm) => {
  expect(roundTripsPerMinute({ foreignMs, ownMs })).toBe(rpm);
});

it.each([
  [6_000, 'excellent'],
  [1_500, 'excellent'],
  [1_499, 'good'],
  [799, 'fair'],
  [399, 'poor'],
  [149, 'bad'],
  [0, 'bad'],
])('%i round trips a minute are %s', (rpm, grade) => {
  expect(gradeOf(rpm)).toBe(grade);
});
