import { describe, expect, it } from 'vitest';
import { RTT_TUNING, RttEstimator } from '../../../shared/protocol/subflow/rtt-estimator.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

describe('RttEstimator', () => {
  it('assumes a round trip time before the first sample', () => {
    const rtt = new RttEstimator(now, RTT_TUNING);
    expect([rtt.smoothedMs, rtt.minMs, rtt.varianceMs]).toEqual([
      RTT_TUNING.firstMs,
      RTT_TUNING.firstMs,
      RTT_TUNING.firstMs / 2,
    ]);
  });

  it('smooths as RFC 6298 section 2 says', () => {
    const rtt = new RttEstimator(now, RTT_TUNING);
    at(0, rtt).addSample(80);
    expect([rtt.smoothedMs, rtt.varianceMs]).toEqual([80, 40]);
    at(1, rtt).addSample(160);
    // RTTVAR = 3/4 * 40 + 1/4 * |80 - 160|; SRTT = 7/8 * 80 + 1/8 * 160
    expect([rtt.smoothedMs, rtt.varianceMs]).toEqual([90, 50]);
    for (let i = 0; i < 200; i++) at(2 + i, rtt).addSample(30);
    expect(rtt.smoothedMs).toBeCloseTo(30, 3);
    expect(rtt.varianceMs).toBeCloseTo(0, 3);
  });

  it('remembers the smallest one, until routes may have changed', () => {
    const rtt = new RttEstimator(now, RTT_TUNING);
    at(0, rtt).addSample(20);
    at(RTT_TUNING.minimumWindowMs, rtt).addSample(50);
    expect(rtt.minMs).toBe(20);
    at(RTT_TUNING.minimumWindowMs + 1, rtt).addSample(50);
    expect(rtt.minMs).toBe(50);
    at(RTT_TUNING.minimumWindowMs + 2, rtt).addSample(40);
    expect(rtt.minMs).toBe(40);
  });

  it('never takes a sample below zero, which clocks and delays of receipts can give', () => {
    const rtt = new RttEstimator(now, RTT_TUNING);
    at(0, rtt).addSample(-3);
    expect(rtt.minMs).toBeGreaterThan(0);
    expect(rtt.smoothedMs).toBeGreaterThan(0);
  });
});
