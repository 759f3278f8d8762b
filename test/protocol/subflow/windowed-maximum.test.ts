import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WindowedMaximum } from '../../../shared/protocol/subflow/windowed-maximum.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

describe('WindowedMaximum', () => {
  it('is the largest value of the window, for any values that do not only fall', () => {
    const sample = fc.record({ value: fc.integer({ min: 1, max: 12 }), afterMs: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 100 }), (samples) => {
        const maximum = new WindowedMaximum(now);
        const seen: { value: number; atMs: number }[] = [];
        let nowMs = 0;
        for (const { value, afterMs } of samples) {
          nowMs += afterMs;
          at(nowMs, maximum).add(value, 100);
          seen.push({ value, atMs: nowMs });
          // Twelve different values can not make a falling chain of more than twelve candidates.
          const inWindow = seen.filter(({ atMs }) => nowMs - atMs <= 100).map((one) => one.value);
          expect(maximum.value).toBe(Math.max(...inWindow));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the true maximum, and no more candidates than its bound, while values only fall', () => {
    const maximum = new WindowedMaximum(now);
    for (let i = 0; i < 1_000; i++) at(i / 100, maximum).add(2_000 - i, 100);
    expect(maximum.value).toBe(2_000);
    at(110.1, maximum).add(5, 100);
    expect(maximum.value).toBe(5);
  });

  it('does not age while it is postponed', () => {
    const maximum = new WindowedMaximum(now);
    at(0, maximum).add(7, 100);
    maximum.postpone(500);
    at(600, maximum).add(3, 100);
    expect(maximum.value).toBe(7);
    at(601, maximum).add(3, 100);
    expect(maximum.value).toBe(3);
  });

  it('is 0 before the first value and after a reset, and keeps an old one when nothing new comes', () => {
    const maximum = new WindowedMaximum(now);
    expect(maximum.value).toBe(0);
    at(0, maximum).add(7, 10);
    expect(maximum.value).toBe(7);
    at(1_000, maximum).add(3, 10);
    expect(maximum.value).toBe(3);
    maximum.reset();
    expect(maximum.value).toBe(0);
  });
});
