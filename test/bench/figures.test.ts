import { expect, test } from 'vitest';
import { BUCKET_MS, type Transfer } from '../lab/agent/arrivals.ts';
import { FAULTS } from './faults.ts';
import { figuresOf, judgedShares } from './figures.ts';
import { networkById } from './scenarios.ts';

/** A transfer with these rates, each for so long. */
function transferOf(
  parts: readonly (readonly [mbps: number, ms: number])[],
  gaps: Transfer['gaps'] = [],
): Transfer {
  const buckets = parts.flatMap(([mbps, ms]) => Array(ms / BUCKET_MS).fill((mbps * 1e6 * BUCKET_MS) / 8000));
  const lengthMs = buckets.length * BUCKET_MS;
  const bytes = buckets.reduce((sum, count) => sum + count, 0);
  return {
    bytes,
    firstAtMs: 100,
    lastAtMs: 100 + lengthMs,
    endedAtMs: 100 + lengthMs,
    buckets,
    gaps,
    isExact: true,
  };
}

test('goodput is over all of the time, the steady rate without the first two seconds', () => {
  const transfer = transferOf([
    [10, 2000],
    [30, 6000],
  ]);
  const figures = figuresOf({ scenario: networkById('E1'), direction: 'down', result: {}, transfer });
  expect(figures.goodputMbps).toBeCloseTo(25);
  expect(figures.overSum).toBeCloseTo(25 / 40);
  expect(figures.steadyOverSum).toBeCloseTo(30 / 40);
  expect(figures.failures).toBe(0);
});

test('an upload is held against the rates of uploads', () => {
  const transfer = transferOf([[8.5, 8000]]);
  const figures = figuresOf({ scenario: networkById('E6'), direction: 'up', result: {}, transfer });
  expect(figures.overSum).toBeCloseTo(0.5);
});

test('only silence that reaches beyond the fault counts as its gap, and the rate is held against what is left', () => {
  const fault = FAULTS.find(({ id }) => id === 'F1/E1/a')!;
  const parts = [
    [40, 4000],
    [0, 300],
    [18, 5700],
  ] as const;
  const gaps: Transfer['gaps'] = [
    [1000, 900],
    [3990, 310],
    [6000, 50],
  ];
  const figures = figuresOf({
    scenario: fault,
    direction: 'down',
    result: {},
    transfer: transferOf(parts, gaps),
  });
  expect(figures.longestGapMs).toBe(310);
  expect(figures.afterFault).toBeCloseTo(18 / 20);
});

test('a transfer that was reset or is not exact is a failure', () => {
  const transfer = transferOf([[10, 3000]]);
  const of = (changed: Partial<Transfer>) =>
    figuresOf({
      scenario: networkById('E1'),
      direction: 'down',
      result: {},
      transfer: { ...transfer, ...changed },
    }).failures;
  expect(of({ isExact: false })).toBe(1);
  expect(of({ error: 'ECONNRESET' })).toBe(1);
});

test('copies and reorder buffers are those of both ends', () => {
  const transfer = transferOf([[8, 1000]]);
  const copied = (bytes: number, reorder: number) => ({
    peak: { tributary_reorder_buffer_bytes: reorder },
    growth: { 'tributary_reinjected_bytes_total{kind="copy"}': bytes },
  });
  const watched = { client: copied(0, 5000), concentrator: copied(10_000, 0) };
  const figures = figuresOf({
    scenario: networkById('E1'),
    direction: 'down',
    result: {},
    transfer,
    watched,
  });
  expect(figures.copyShare).toBeCloseTo(0.01);
  expect(figures.peakReorderBytes).toBe(5000);
});

const scriptOf = (id: string) => FAULTS.find((fault) => fault.id === id)!;

test('a link is back when most of the sum is used again, or not at all in the time that there was', () => {
  const whole = transferOf([
    [40, 4000],
    [20, 5000],
    [20, 500],
    [40, 5500],
  ]);
  const backMs = (transfer: Transfer) =>
    figuresOf({ scenario: scriptOf('G1/E1/a-5s'), direction: 'down', result: {}, transfer }).backMs;
  // Of the 300 ms that count, 40 Mbit/s for 180 ms make a mean of 32, four fifths of the sum.
  expect(backMs(whole)).toBe(680);
  const never = transferOf([
    [40, 4000],
    [20, 11_000],
  ]);
  expect(backMs(never)).toBe(6000);
});

test('of several faults in a row the worst counts', () => {
  const row = scriptOf('F7/E1/row');
  const judged = row.fault!.judged!;
  const collapse = judged.find(({ name }) => name === 'collapse')!;
  const transfer = transferOf([
    [40, collapse.fromMs],
    [10.5, collapse.toMs - collapse.fromMs],
    [40, 60_000],
  ]);
  expect(figuresOf({ scenario: row, direction: 'down', result: {}, transfer }).afterFault).toBeCloseTo(0.5);
  const shares = Object.fromEntries(judgedShares(row, 'down', transfer));
  expect(shares).toMatchObject({ collapse: 0.5, 'black hole': 2, 'after collapse': 1 });
});

test('a download beside an upload: both over the sum of their direction, and both must be whole', () => {
  const of = (upload: Transfer) =>
    figuresOf({
      ...{ scenario: networkById('E6'), direction: 'down', result: {}, upload },
      transfer: transferOf([[28, 5000]]),
    });
  const upload = transferOf([[8.5, 5000]]);
  expect(of(upload)).toMatchObject({ failures: 0, overSum: 0.5, upOverSum: 0.5 });
  expect(of({ ...upload, isExact: false }).failures).toBe(1);
});

test('many fetches at once have a common rate', () => {
  const figures = figuresOf({
    ...{ scenario: networkById('E1'), direction: 'down', fetchedBytes: 64_000_000 },
    result: { timesMs: [1000], totalMs: 25_600 },
  });
  expect(figures.overSum).toBeCloseTo(0.5);
});

test('what links that change can carry is their mean', () => {
  const mean = (id: string) => scriptOf(id).fault!.judged![0]!.capacityMbps('down');
  expect(mean('G8/busy-cell/all')).toBe(16 + 19);
  // 280 ms of 20 s of pauses.
  expect(mean('G7/LEO/all')).toBeCloseTo(30 + 100 * (1 - 280 / 20_000));
});
