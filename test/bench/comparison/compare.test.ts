import { expect, test } from 'vitest';
import { Summary } from '../summary.ts';
import { record } from '../support/records.ts';
import { compare } from './compare.ts';

test('every figure of a place is compared, by repetition, and through a fault what counts there', () => {
  const old = 'tributary@old';
  const found = compare(
    new Summary([
      record({ overSum: 0.9, cpuSecondsPerGb: 20, p50Ms: 1 }),
      record({ overSum: 0.8, cpuSecondsPerGb: 22 }, { contestant: old }),
      record({ overSum: 0.5 }, { contestant: 'kernel-mptcp' }),
      record({ overSum: 0.8 }, { repetition: 2, contestant: old }),
      record({ overSum: 0.8 }, { repetition: 2 }),
      record({ longestGapMs: 100, overSum: 0.5 }, { scenario: 'F1/E1/a' }),
      record({ longestGapMs: 200, overSum: 0.5 }, { scenario: 'F1/E1/a', contestant: old }),
      record({ totalMs: 600 }, { workload: 'page' }),
    ]),
  );
  expect(found.map(({ where, figure, isMoreBetter, ratio }) => [where, figure, isMoreBetter, ratio])).toEqual(
    [
      ['E1 bbr bulk-down', 'goodput over sum', true, { median: 1.0625, min: 1, max: 1.125, pairs: 2 }],
      ['E1 bbr bulk-down', 'CPU s/GB', false, expect.objectContaining({ median: 20 / 22, pairs: 1 })],
      ['F1/E1/a bbr bulk-down', 'longest gap, ms', false, expect.objectContaining({ median: 0.5 })],
    ],
  );
  expect(found[0]).toMatchObject({
    one: 'tributary',
    other: old,
    oneMedian: expect.closeTo(0.85),
    otherMedian: 0.8,
  });
});

test('a run with failures is not held against another', () => {
  const other = { contestant: 'tributary@old' };
  const failed = record({ overSum: 0.1, failures: 1 });
  expect(compare(new Summary([failed, record({ overSum: 0.9 }, other)]))).toEqual([]);
});
