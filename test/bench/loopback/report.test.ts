import { expect, test } from 'vitest';
import { compareLoopback, judgeLoopback, type LoopbackRecord, table } from './report.ts';

const round = (
  contender: string,
  repetition: number,
  figures: LoopbackRecord['figures'],
): LoopbackRecord => ({ contender, repetition, figures });

test('each number of subflows is compared with the same of the other checkout', () => {
  const found = compareLoopback([
    round('tributary-1', 1, { megabytesPerSecond: 880, openP50Ms: 0.5, peakRssBytes: 100e6 }),
    round('tributary-1@old', 1, { megabytesPerSecond: 800, openP50Ms: 1, peakRssBytes: 80e6 }),
    round('tributary-4', 1, { megabytesPerSecond: 400 }),
    round('tributary-4@old', 1, { megabytesPerSecond: 800 }),
    round('node-pipe', 1, { megabytesPerSecond: 1 }),
    round('tributary-4@old', 2, { megabytesPerSecond: 800 }),
    round('tributary-4', 2, { megabytesPerSecond: 600 }),
  ]);
  expect(found.map(({ one, figure, isMoreBetter, ratio }) => [one, figure, isMoreBetter, ratio])).toEqual([
    ['tributary-1', 'MB/s', true, { median: 1.1, min: 1.1, max: 1.1, pairs: 1 }],
    ['tributary-1', 'open p50 ms', false, { median: 0.5, min: 0.5, max: 0.5, pairs: 1 }],
    ['tributary-1', 'peak MB', false, { median: 1.25, min: 1.25, max: 1.25, pairs: 1 }],
    ['tributary-4', 'MB/s', true, { median: 0.625, min: 0.5, max: 0.75, pairs: 2 }],
  ]);
  expect(found[2]).toMatchObject({ oneMedian: 100, otherMedian: 80 });
});

test('medians of each contender, and goals as ratios of them', () => {
  const records = [
    round('tributary-1', 1, { megabytesPerSecond: 900 }),
    round('tributary-1', 2, { megabytesPerSecond: 700 }),
    round('node-pipe', 1, { megabytesPerSecond: 600 }),
    round('tributary-1', 3, { connectToSocks: 0.98 }),
  ];
  expect(table(records)).toMatch(/^tributary-1 +800 +-/m);
  const judged = judgeLoopback(records);
  const [first, second] = judged;
  expect(judged.at(-1)).toMatchObject({ value: 0.98, isMet: true });
  expect(first).toMatchObject({ value: expect.closeTo(800 / 600), isMet: true });
  expect(second).toEqual({ goal: expect.stringContaining('tributary-4') });
});
