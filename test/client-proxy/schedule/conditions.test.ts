import { expect, it, vi } from 'vitest';
import { backupReason } from '../../../client-proxy/schedule/backup-condition.ts';
import { cheapestFirst, costAt } from '../../../client-proxy/schedule/cost.ts';
import { MinuteTimer } from '../../../client-proxy/schedule/minute-timer.ts';
import { parseTimeSpan, WallClocks } from '../../../client-proxy/schedule/time-span.ts';

const clocks = new WallClocks();
const HOUR_MS = 3_600_000;
const night = [parseTimeSpan('01:00-07:00 UTC')!];

it('a gigabyte costs what the first entry says whose time it is', () => {
  const costs = [{ between: night, cost: 0 }, { cost: 2 }];
  expect([0, 1, 6, 7].map((hour) => costAt(costs, clocks, hour * HOUR_MS))).toEqual([2, 0, 0, 2]);
  expect(costAt([{ between: night, cost: 3 }], clocks, 0)).toBe(0);
});

it('the cheapest comes first, what is not said costs nothing, and equals stay in their order', () => {
  const uplinks = [
    { name: 'a', costPerGB: 1 },
    { name: 'b' },
    { name: 'c', costPerGB: 0.5 },
    { name: 'd', costPerGB: 0 },
  ];
  expect(cheapestFirst(uplinks)).toEqual(['b', 'd', 'c', 'a']);
});

it.each([
  { condition: { between: night }, cost: 0, hour: 0, reason: undefined },
  { condition: { between: night }, cost: 0, hour: 2, reason: 'between 01:00-07:00 UTC' },
  { condition: { aboveCost: 1 }, cost: 1, hour: 0, reason: undefined },
  { condition: { aboveCost: 1 }, cost: 1.5, hour: 0, reason: 'it costs 1.5 per GB, which is above 1' },
  { condition: { between: night, aboveCost: 1 }, cost: 2, hour: 0, reason: undefined },
  { condition: { between: night, aboveCost: 1 }, cost: 1, hour: 2, reason: undefined },
  {
    condition: { between: night, aboveCost: 1 },
    cost: 2,
    hour: 2,
    reason: 'between 01:00-07:00 UTC, it costs 2 per GB, which is above 1',
  },
])('a backup while all of $condition holds: $cost at $hour', ({ condition, cost, hour, reason }) => {
  expect(backupReason(condition, cost, clocks, hour * HOUR_MS)).toBe(reason);
});

it('looks again as each minute begins, and no more when it is stopped', () => {
  vi.useFakeTimers({ now: 90_500 });
  try {
    const moments: number[] = [];
    const timer = new MinuteTimer(Date.now, [() => moments.push(Date.now())]);
    timer.start();
    vi.advanceTimersByTime(120_000);
    timer.stop();
    vi.advanceTimersByTime(120_000);
    expect(moments).toEqual([120_001, 180_001]);
  } finally {
    vi.useRealTimers();
  }
});
