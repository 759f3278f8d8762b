import { expect, test } from 'vitest';
import { median, percentile } from './statistics.ts';

test('the median is the middle value, or between the two', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 1, 2, 3])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test('a percentile is a value that was measured, with that share at or below it', () => {
  const values = Array.from({ length: 25 }, (_, i) => 25 - i);
  expect(percentile(values, 0.95)).toBe(24);
  expect(percentile(values, 0.5)).toBe(13);
  expect(percentile(values, 1)).toBe(25);
  expect(percentile([3], 0.95)).toBe(3);
  expect(percentile([], 0.95)).toBeNaN();
});
