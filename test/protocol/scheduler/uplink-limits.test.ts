import { expect, it } from 'vitest';
import { LIMITS_TUNING, UplinkLimits } from '../../../shared/protocol/scheduler/uplink-limits.ts';
import { STANDING_TUNING } from '../../../shared/protocol/scheduler/uplink-standing.ts';
import { TestClock } from '../test-clock.ts';
import { uplinkNamed, view } from './views.ts';

const now = new TestClock();
const make = (maxRttMs?: number, maxLoss?: number) =>
  new UplinkLimits({
    now,
    maxRttMs,
    maxLoss,
    tuning: LIMITS_TUNING,
    standingTuning: STANDING_TUNING,
    delayOf: ({ delayMs }) => delayMs,
  });
const wifi = (delayMs: number, lossShare = 0) => view(0, 10, 10, { delayMs, lossShare });
const lte = (delayMs: number, lossShare = 0) => view(1, 10, 10, { delayMs, lossShare });
/** The ids of the views within the limits at a time. */
function within(limits: UplinkLimits, ms: number, ...views: ReturnType<typeof view>[]): number[] {
  now.ms = ms;
  return limits.within(views).map(({ id }) => id);
}

it.each([
  { maxRttMs: 250, of: [wifi(100), lte(40)], expected: [0, 1] },
  { maxRttMs: 250, of: [wifi(250), lte(40)], expected: [0, 1] },
  { maxRttMs: 250, of: [wifi(251), lte(40)], expected: [1] },
  { maxLoss: 0.02, of: [wifi(900, 0.02), lte(40, 0.021)], expected: [0] },
  { maxRttMs: 250, maxLoss: 0.02, of: [wifi(300), lte(40, 0.03)], expected: [0] },
  { maxRttMs: 250, of: [wifi(400), lte(600)], expected: [0] },
  { maxLoss: 0, of: [wifi(10, 0.001), lte(40)], expected: [1] },
  { maxLoss: 0, of: [wifi(10, 0.001), lte(40, 0.1)], expected: [0] },
  { of: [wifi(9_000, 1), lte(40)], expected: [0, 1] },
])('limits of $maxRttMs ms and $maxLoss leave $expected', ({ maxRttMs, maxLoss, of, expected }) => {
  expect(within(make(maxRttMs, maxLoss), 0, ...of)).toEqual(expected);
});

it('uses one again that has been well within for a while, and later each time it is beyond again soon', () => {
  const limits = make(250);
  expect(within(limits, 0, wifi(300), lte(40))).toEqual([1]);
  expect(within(limits, 100, wifi(210), lte(40))).toEqual([1]);
  expect(within(limits, 10_000, wifi(210), lte(40))).toEqual([1]);
  expect(within(limits, 10_100, wifi(200), lte(40))).toEqual([1]);
  expect(within(limits, 12_100, wifi(200), lte(40))).toEqual([0, 1]);
  expect(within(limits, 13_000, wifi(300), lte(40))).toEqual([1]);
  within(limits, 13_100, wifi(30), lte(40));
  expect(within(limits, 15_200, wifi(30), lte(40))).toEqual([1]);
  expect(within(limits, 17_100, wifi(30), lte(40))).toEqual([0, 1]);
});

it('tells whether one would be left for another: it is beyond now, or has not been well within for long enough', () => {
  const limits = make(250);
  const leaves = (...views: ReturnType<typeof view>[]) => limits.leaves(uplinkNamed('uplink0'), views);
  now.ms = 0;
  expect([leaves(wifi(300), lte(40)), leaves(wifi(40), lte(300))]).toEqual([true, false]);
  // That was no look.
  expect(within(limits, 0, wifi(240), lte(40))).toEqual([0, 1]);
  within(limits, 0, wifi(300), lte(40));
  within(limits, 1_000, wifi(100), lte(40));
  expect(leaves(wifi(100), lte(40))).toBe(true);
  now.ms = 3_000;
  expect(leaves(wifi(100), lte(40))).toBe(false);
  within(limits, 3_000, wifi(100), lte(40));
  expect(leaves(wifi(300), wifi(100), lte(40))).toBe(false);
  expect(make().leaves(uplinkNamed('uplink0'), [wifi(9_000), lte(40)])).toBe(false);
});

it('says of none that it would be left where it is not among those that may carry, or none is within', () => {
  const limits = make(250);
  const leaves = (...views: ReturnType<typeof view>[]) => limits.leaves(uplinkNamed('uplink0'), views);
  within(limits, 0, wifi(600), lte(40));
  expect(leaves(wifi(600), lte(40))).toBe(true);
  expect(leaves(lte(40))).toBe(false);
  expect(leaves(wifi(600))).toBe(false);
  expect(leaves(wifi(600), lte(500))).toBe(false);
  expect(leaves()).toBe(false);
});

it('forgets what it has left when nothing was sent for longer than a minute', () => {
  const limits = make(250);
  expect(within(limits, 0, wifi(300), lte(40))).toEqual([1]);
  expect(limits.leaves(uplinkNamed('uplink0'), [wifi(100), lte(40)])).toBe(true);
  now.ms = 3_600_000;
  expect(limits.leaves(uplinkNamed('uplink0'), [wifi(100), lte(40)])).toBe(false);
  expect(limits.leaves(uplinkNamed('uplink0'), [wifi(300), lte(40)])).toBe(true);
  expect(within(limits, 3_600_000, wifi(100), lte(40))).toEqual([0, 1]);
});

it('stays with the best of those that are all beyond, until another has been clearly better', () => {
  const limits = make(100);
  expect(within(limits, 0, wifi(200), lte(220))).toEqual([0]);
  expect(within(limits, 5_000, wifi(240), lte(220))).toEqual([0]);
  within(limits, 6_000, wifi(400), lte(220));
  expect(within(limits, 8_000, wifi(400), lte(220))).toEqual([1]);
});

it('takes an uplink for as good as the best of its subflows', () => {
  const second = { ...wifi(40), id: 2, uplink: uplinkNamed('uplink0') };
  expect(within(make(250), 0, wifi(400), second, lte(40))).toEqual([0, 2, 1]);
  expect(within(make(250), 0, wifi(400), { ...second, delayMs: 300 }, lte(40))).toEqual([1]);
});

it('remembers so many uplinks and no more: their names are chosen by the peer', () => {
  const limits = make(250);
  within(limits, 0, wifi(300), lte(40));
  const others = Array.from({ length: 100 }, (_, i) => ({ ...lte(40), uplink: uplinkNamed(`other${i}`) }));
  within(limits, 1, ...others);
  expect(within(limits, 2, wifi(200), lte(40))).toEqual([0, 1]);
});
