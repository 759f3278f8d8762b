import { describe, expect, it } from 'vitest';
import { ArrivalRate } from '../../../shared/protocol/subflow/arrival-rate.ts';

describe('ArrivalRate', () => {
  it('is the rate of the last quarter to half of a second', () => {
    const rate = new ArrivalRate();
    expect(rate.bytesPerSecond(0)).toBe(0);
    for (let ms = 0; ms <= 2_000; ms += 10) rate.add(1_000, ms);
    expect(rate.bytesPerSecond(2_000)).toBeGreaterThan(90_000);
    expect(rate.bytesPerSecond(2_000)).toBeLessThan(110_000);
  });

  it('forgets what is older', () => {
    const rate = new ArrivalRate();
    rate.add(1_000_000, 0);
    expect(rate.bytesPerSecond(400)).toBeGreaterThan(0);
    expect(rate.bytesPerSecond(600)).toBe(0);
    rate.add(1_000_000, 600);
    expect(rate.bytesPerSecond(5_000)).toBe(0);
  });
});
