import { expect, test } from 'vitest';
import { type ComparedFigure, verdict } from './compared-figure.ts';
import { comparisonText } from './comparison-text.ts';

const speed: ComparedFigure = {
  one: 'tributary',
  other: 'tributary@old',
  where: 'E1 bbr bulk-down',
  figure: 'goodput over sum',
  isMoreBetter: true,
  oneMedian: 0.9512,
  otherMedian: 0.9401,
  ratio: { median: 1.0118, min: 1.0041, max: 1.0152, pairs: 3 },
};

test.each([
  [1.001, 1.2, true, 'better'],
  [1.001, 1.2, false, 'worse'],
  [0.8, 0.999, true, 'worse'],
  [0.8, 0.999, false, 'better'],
  [0.99, 1.2, true, 'undecided'],
  [1, 1, true, 'undecided'],
])('ratios from %d to %d, more is better: %s: %s', (min, max, isMoreBetter, expected) => {
  const ratio = { median: (min + max) / 2, min, max, pairs: 2 };
  expect(verdict({ ...speed, isMoreBetter, ratio })).toBe(expected);
  expect(verdict({ ...speed, isMoreBetter, ratio: { ...ratio, pairs: 1 } })).toBe('undecided');
});

test('a table in Markdown for each two versions', () => {
  const time = { ...speed, figure: 'p95, ms', isMoreBetter: false, other: 'tributary@older' };
  const checkouts = [
    { contestant: 'tributary', commit: 'abc+', tuning: { 'ping.intervalMs': 500, 'loss.forgetMs': 1 } },
    { contestant: 'tributary@old', tuning: {} },
  ];
  const text = comparisonText([speed, time, { ...speed, where: 'E8 bbr bulk-up' }], checkouts);
  const [versions, ...blocks] = text.split('\n\n');
  expect(versions).toBe(
    '- tributary, commit abc+, ping.intervalMs=500, loss.forgetMs=1\n- tributary@old, commit unknown',
  );
  expect(blocks[0]).toBe('tributary over tributary@old');
  expect(blocks[2]).toBe('tributary over tributary@older');
  const cells = blocks[1]!.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells).toHaveLength(4);
  expect(cells[0]!.slice(3, 7)).toEqual(['better', 'tributary', 'tributary@old', 'ratio']);
  expect(cells[1]!.slice(1, -1).join('')).toMatch(/^-+$/);
  expect(cells[2]).toEqual([
    ...['', 'E1 bbr bulk-down', 'goodput over sum', 'more', '0.951', '0.94', '1.012', '1.004 to 1.015'],
    ...['3', 'better', ''],
  ]);
  expect(blocks[3]).toMatch(/\| p95, ms .*\| less .*\| worse/);
  expect(comparisonText([], checkouts)).toBe('');
});
