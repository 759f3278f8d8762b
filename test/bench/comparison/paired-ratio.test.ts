import { expect, test } from 'vitest';
import { pairedRatio } from './paired-ratio.ts';

const values = (...each: (readonly [repetition: number, value: number])[]) => new Map(each);

test('ratios are those of the same repetition, however much the machine changes between repetitions', () => {
  // The machine halves its speed after each repetition: ratios of medians of both would say 0.5 of the last.
  const ones = values([1, 110], [2, 50], [3, 30]);
  const others = values([3, 25], [2, 50], [1, 100]);
  expect(pairedRatio(ones, others)).toEqual({
    median: expect.closeTo(1.1),
    min: expect.closeTo(1),
    max: expect.closeTo(1.2),
    pairs: 3,
  });
});

test('repetitions that only one of them finished do not count, nor does a ratio to zero', () => {
  const ones = values([1, 10], [2, 20], [4, 5]);
  const others = values([1, 5], [3, 1], [4, 0]);
  expect(pairedRatio(ones, others)).toEqual({ median: 2, min: 2, max: 2, pairs: 1 });
  expect(pairedRatio(values([1, 10]), values([2, 10]))).toBeUndefined();
});
