import { expect, test } from 'vitest';
import type { FlowFigures } from './flow-figures.ts';
import { type DatagramJudgement, judgeDatagrams } from './goals.ts';
import type { DatagramRecord } from './run-case.ts';
import { DatagramSummary } from './summary.ts';

const FLOW: FlowFigures = {
  ...{ sent: 1_000, lossShare: 0, p50Ms: 20, p95Ms: 20, p99Ms: 20 },
  ...{ longestGapMs: 40, reorderedShare: 0, repeats: 0 },
};

function flow(
  id: DatagramRecord['case'],
  contestant: string,
  figures: Partial<FlowFigures>,
  traffic = 'voice',
): DatagramRecord {
  return { case: id, contestant, repetition: 1, traffic, direction: 'up', flow: { ...FLOW, ...figures } };
}

function judged(records: readonly DatagramRecord[]): DatagramJudgement[] {
  return judgeDatagrams(new DatagramSummary(records), [], []).filter(({ value }) => value !== undefined);
}

test('a call over uplinks that pause is held against the best of them', () => {
  const records = [
    flow('pauses', 'tributary', { p99Ms: 150, lossShare: 0.002 }),
    flow('pauses', 'single:a', { p99Ms: 600, lossShare: 0.01 }),
    flow('pauses', 'single:b', { p99Ms: 400, lossShare: 0.001 }),
  ];
  expect(judged(records)).toEqual([
    expect.objectContaining({ where: 'pauses voice up', value: 0.375, isMet: false }),
    expect.objectContaining({
      goal: expect.stringContaining('loss'),
      value: expect.closeTo(0.001),
      isMet: false,
    }),
  ]);
});

test('the loss of small flows is that of all of them together', () => {
  const records = [
    flow('loss', 'tributary', { sent: 3_000, lossShare: 0.002 }),
    flow('loss', 'tributary', { sent: 9_000, lossShare: 0 }, 'game'),
    flow('loss', 'single:a', { lossShare: 0.02 }),
  ];
  expect(judged(records)).toEqual([
    expect.objectContaining({ value: expect.closeTo(0.0005), bound: 0.001, isMet: true }),
  ]);
});

test('delay beside bulk is held against the same without', () => {
  const records = [flow('idle', 'tributary', {}), flow('bulk', 'tributary', { p95Ms: 31 })];
  expect(judged(records)).toEqual([expect.objectContaining({ value: 1.55, isMet: false })]);
});

test('packet rates: more is better, processor time less', () => {
  const rate = (contender: string, perSecond: number, cpuMicroseconds: number) => ({
    ...{ contender, repetition: 1, bytes: 160, perSecond, cpuMicroseconds },
  });
  const rates = [rate('tributary-1', 50_000, 30), rate('shadowsocks', 40_000, 20)];
  expect(judgeDatagrams(new DatagramSummary([]), rates, []).slice(-4, -2)).toEqual([
    expect.objectContaining({ where: 'loopback, 160 bytes', value: 1.25, isMet: true }),
    expect.objectContaining({ value: 1.5, isMet: false }),
  ]);
});

test('what was not measured is told as such', () => {
  const goals = judgeDatagrams(new DatagramSummary([]), [], []);
  expect(goals.length).toBeGreaterThan(8);
  for (const goal of goals) expect(goal.isMet).toBeUndefined();
});
