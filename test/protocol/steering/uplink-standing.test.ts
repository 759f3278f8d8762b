import { expect, it } from 'vitest';
import { UplinkStanding } from '../../../shared/protocol/steering/uplink-standing.ts';

const BAD = [true, false] as const;
const BETWEEN = [false, false] as const;
const GOOD = [false, true] as const;

it('is left at once, and used again after two seconds without a break', () => {
  const standing = new UplinkStanding();
  expect(standing.update(...GOOD, 0)).toBe(false);
  expect(standing.update(...BETWEEN, 10)).toBe(false);
  expect(standing.update(...BAD, 20)).toBe(true);
  expect(standing.update(...GOOD, 1_000)).toBe(true);
  expect(standing.update(...BETWEEN, 2_500)).toBe(true);
  expect(standing.update(...GOOD, 3_000)).toBe(true);
  expect(standing.update(...GOOD, 4_999)).toBe(true);
  expect(standing.update(...GOOD, 5_000)).toBe(false);
});

it('is left for twice as long each time it turns bad soon again, up to a minute, until it has behaved', () => {
  const standing = new UplinkStanding();
  let nowMs = 0;
  const awayMs = () => {
    standing.update(...BAD, nowMs);
    const sinceMs = nowMs;
    while (standing.update(...GOOD, nowMs)) nowMs += 500;
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
