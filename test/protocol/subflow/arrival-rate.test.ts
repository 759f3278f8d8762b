import { describe, expect, it } from 'vitest';
import { ArrivalRate } from '../../../shared/protocol/subflow/arrival-rate.ts';
import { RTT_TUNING } from '../../../shared/protocol/subflow/rtt-estimator.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

describe('ArrivalRate', () => {
  it('is the rate of the last quarter to half of a second', () => {
    const rate = new ArrivalRate(now, RTT_TUNING.recentSpanMs);
    expect(at(0, rate).bytesPerSecond).toBe(0);
    for (let ms = 0; ms <= 2_000; ms += 10) at(ms, rate).add(1_000);
    expect(at(2_000, rate).bytesPerSecond).toBeGreaterThan(90_000);
    expect(at(2_000, rate).bytesPerSecond).toBeLessThan(110_000);
  });

  it('forgets what is older', () => {
    const rate = new ArrivalRate(now, RTT_TUNING.recentSpanMs);
    at(0, rate).add(1_000_000);
    expect(at(400, rate).bytesPerSecond).toBeGreaterThan(0);
    expect(at(600, rate).bytesPerSecond).toBe(0);
    at(600, rate).add(1_000_000);
    expect(at(5_000, rate).bytesPerSecond).toBe(0);
  });
});
