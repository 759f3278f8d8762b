import { expect, it } from 'vitest';
import { STANDING_TUNING, UplinkStanding } from '../../../shared/protocol/scheduler/uplink-standing.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

const BAD = [true, false] as const;
const BETWEEN = [false, false] as const;
const GOOD = [false, true] as const;

it('is left at once, and used again after two seconds without a break', () => {
  const standing = new UplinkStanding(now, STANDING_TUNING);
  expect(at(0, standing).update(...GOOD)).toBe(false);
  expect(at(10, standing).update(...BETWEEN)).toBe(false);
  expect(at(20, standing).update(...BAD)).toBe(true);
  expect(at(1_000, standing).update(...GOOD)).toBe(true);
  expect(at(2_500, standing).update(...BETWEEN)).toBe(true);
  expect(at(3_000, standing).update(...GOOD)).toBe(true);
  expect(at(4_999, standing).update(...GOOD)).toBe(true);
  expect(at(5_000, standing).update(...GOOD)).toBe(false);
});

it('is left for twice as long each time it turns bad soon again, up to a minute, until it has behaved', () => {
  const standing = new UplinkStanding(now, STANDING_TUNING);
  let nowMs = 0;
  const awayMs = () => {
    at(nowMs, standing).update(...BAD);
    const sinceMs = nowMs;
    while (at(nowMs, standing).update(...GOOD)) nowMs += 500;
    return nowMs - sinceMs;
  };
  const times = Array.from({ length: 8 }, () => {
    nowMs += 1_000;
    return awayMs();
  });
  expect(times).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  nowMs += 61_000;
  expect(awayMs()).toBe(2_000);
});

it('is forgotten when nothing was looked at for longer than a minute', () => {
  const standing = new UplinkStanding(now, STANDING_TUNING);
  at(0, standing).update(...BAD);
  expect(at(60_000, standing).update(...GOOD)).toBe(true);
  at(60_100, standing).update(...BAD);
  expect(at(3_600_000, standing).update(...GOOD)).toBe(false);
  expect(at(3_601_000, standing).update(...BAD)).toBe(true);
  expect(at(7_200_000, standing).update(...BETWEEN)).toBe(false);
  expect(at(7_200_100, standing).update(...BAD)).toBe(true);
  expect(at(9_000_000, standing).update(...BAD)).toBe(true);
});

it('comes back to what looks at it seldom', () => {
  const standing = new UplinkStanding(now, STANDING_TUNING);
  at(0, standing).update(...BAD);
  expect(at(30_000, standing).update(...GOOD)).toBe(true);
  expect(at(60_000, standing).update(...GOOD)).toBe(false);
});

it('tells what a look would find, which is none', () => {
  const standing = new UplinkStanding(now, STANDING_TUNING);
  expect(at(0, standing).isLeftWith(...BAD)).toBe(true);
  expect(standing.isLeftWith(...BETWEEN)).toBe(false);
  standing.update(...BAD);
  expect(at(10_000, standing).isLeftWith(...GOOD)).toBe(true);
  expect(at(20_000, standing).isLeftWith(...GOOD)).toBe(true);
  expect(at(60_001, standing).isLeftWith(...GOOD)).toBe(false);
  standing.update(...BAD);
  at(60_100, standing).update(...GOOD);
  expect(at(62_099, standing).isLeftWith(...GOOD)).toBe(true);
  expect(at(62_100, standing).isLeftWith(...BETWEEN)).toBe(true);
  expect(standing.isLeftWith(...GOOD)).toBe(false);
});
