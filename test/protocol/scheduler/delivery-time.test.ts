import { describe, expect, it } from 'vitest';
import { deliveryTimeMs, least } from '../../../shared/protocol/scheduler/delivery-time.ts';
import { view } from './views.ts';

describe('deliveryTimeMs', () => {
  it('is the segment at the rate, and one way', () => {
    // 8 Mbit/s is 1000 bytes in a millisecond.
    expect(deliveryTimeMs(view(0, 8, 40), 5_000)).toBeCloseTo(25);
  });

  it('counts what is under way only beyond a full pipe', () => {
    expect(deliveryTimeMs(view(0, 8, 40, { inFlightBytes: 40_000 }), 5_000)).toBeCloseTo(25);
    expect(deliveryTimeMs(view(0, 8, 40, { inFlightBytes: 70_000 }), 5_000)).toBeCloseTo(55);
  });

  it('counts the wait for a rate limit', () => {
    expect(deliveryTimeMs(view(0, 8, 40, { heldBackMs: 30 }), 5_000)).toBeCloseTo(55);
  });
});

describe('least', () => {
  it('is the first of the cheapest, and nothing of nothing', () => {
    expect(least([3, 1, 2, 1], (cost) => cost)).toBe(1);
    expect(least(['a', 'b'], () => 5)).toBe('a');
    expect(least([], () => 0)).toBeUndefined();
  });
});
