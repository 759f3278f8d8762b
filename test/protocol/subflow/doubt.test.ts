import { describe, expect, it } from 'vitest';
import { isDense, silenceLimitMs } from '../../../shared/protocol/subflow/doubt.ts';
import { RttEstimator } from '../../../shared/protocol/subflow/rtt-estimator.ts';
import {
  DENSE_SEGMENTS,
  MIN_DOUBT_MS,
  MIN_DOUBT_SPARSE_MS,
  RECEIPT_INTERVAL_MS,
} from '../../../shared/protocol/tunables.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

function steadyRtt(rttMs: number): RttEstimator {
  const rtt = new RttEstimator(now);
  for (let i = 0; i < 100; i++) at(i, rtt).addSample(rttMs);
  return rtt;
}

describe('how long silence may last', () => {
  it('has a floor on fast paths, lower when receipts should be frequent', () => {
    expect(silenceLimitMs(steadyRtt(5), true)).toBe(MIN_DOUBT_MS + RECEIPT_INTERVAL_MS);
    expect(silenceLimitMs(steadyRtt(5), false)).toBe(MIN_DOUBT_SPARSE_MS + RECEIPT_INTERVAL_MS);
  });

  it('grows with the round trip time and its variance', () => {
    expect(silenceLimitMs(steadyRtt(300), true)).toBeCloseTo(600 + RECEIPT_INTERVAL_MS, 3);
    expect(silenceLimitMs(steadyRtt(300), false)).toBeCloseTo(600 + RECEIPT_INTERVAL_MS, 3);
    const jittery = new RttEstimator(now);
    for (let i = 0; i < 400; i++) at(i, jittery).addSample(i % 2 === 0 ? 100 : 300);
    // Dense: at most twice the smallest round trip for the variance; sparse: all of it, on top of the queue.
    expect(silenceLimitMs(jittery, true)).toBe(2 * 100 + 4 * 50 + RECEIPT_INTERVAL_MS);
    expect(silenceLimitMs(jittery, false)).toBeGreaterThan(700);
  });

  it('is dense only with many segments under way and receipts since it was idle', () => {
    expect(isDense(DENSE_SEGMENTS, true)).toBe(true);
    expect(isDense(DENSE_SEGMENTS - 1, true)).toBe(false);
    expect(isDense(DENSE_SEGMENTS, false)).toBe(false);
  });
});
