import { describe, expect, it } from 'vitest';
import { DOUBT_TUNING, isDense, silenceLimitMs } from '../../../shared/protocol/subflow/doubt.ts';
import { RTT_TUNING, RttEstimator } from '../../../shared/protocol/subflow/rtt-estimator.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

function steadyRtt(rttMs: number): RttEstimator {
  const rtt = new RttEstimator(now, RTT_TUNING);
  for (let i = 0; i < 100; i++) at(i, rtt).addSample(rttMs);
  return rtt;
}

describe('how long silence may last', () => {
  it('has a floor on fast paths, lower when receipts should be frequent', () => {
    expect(silenceLimitMs(steadyRtt(5), true, false, DOUBT_TUNING)).toBe(DOUBT_TUNING.minMs);
    expect(silenceLimitMs(steadyRtt(5), false, false, DOUBT_TUNING)).toBe(DOUBT_TUNING.minSparseMs);
  });

  it('has the lower floor, too, where a stream had stopped before it was asked', () => {
    expect(silenceLimitMs(steadyRtt(5), false, true, DOUBT_TUNING)).toBe(DOUBT_TUNING.minMs);
  });

  it('grows with the round trip time and its variance', () => {
    expect(silenceLimitMs(steadyRtt(300), true, false, DOUBT_TUNING)).toBeCloseTo(600, 3);
    expect(silenceLimitMs(steadyRtt(300), false, false, DOUBT_TUNING)).toBeCloseTo(600, 3);
    const jittery = new RttEstimator(now, RTT_TUNING);
    for (let i = 0; i < 400; i++) at(i, jittery).addSample(i % 2 === 0 ? 100 : 300);
    // Dense: at most twice the smallest round trip for the variance; sparse: all of it, on top of the queue.
    expect(silenceLimitMs(jittery, true, false, DOUBT_TUNING)).toBe(2 * 100 + 4 * 50);
    expect(silenceLimitMs(jittery, false, false, DOUBT_TUNING)).toBeGreaterThan(700);
  });

  it('is dense only with many segments under way and receipts since it was idle', () => {
    expect(isDense(DOUBT_TUNING.denseSegments, true, DOUBT_TUNING)).toBe(true);
    expect(isDense(DOUBT_TUNING.denseSegments - 1, true, DOUBT_TUNING)).toBe(false);
    expect(isDense(DOUBT_TUNING.denseSegments, false, DOUBT_TUNING)).toBe(false);
  });
});
