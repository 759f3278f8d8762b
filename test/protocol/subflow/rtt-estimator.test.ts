import { describe, expect, it } from 'vitest';
import { RttEstimator } from '../../../shared/protocol/subflow/rtt-estimator.ts';
import { FIRST_RTT_MS, MIN_RTT_WINDOW_MS } from '../../../shared/protocol/tunables.ts';

describe('RttEstimator', () => {
  it('assumes a round trip time before the first sample', () => {
    const rtt = new RttEstimator();
    expect([rtt.smoothedMs, rtt.minMs, rtt.varianceMs]).toEqual([
      FIRST_RTT_MS,
      FIRST_RTT_MS,
      FIRST_RTT_MS / 2,
    ]);
  });

  it('smooths as RFC 6298 section 2 says', () => {
    const rtt = new RttEstimator();
    rtt.addSample(80, 0);
    expect([rtt.smoothedMs, rtt.varianceMs]).toEqual([80, 40]);
    rtt.addSample(160, 1);
    // RTTVAR = 3/4 * 40 + 1/4 * |80 - 160|; SRTT = 7/8 * 80 + 1/8 * 160
    expect([rtt.smoothedMs, rtt.varianceMs]).toEqual([90, 50]);
    for (let i = 0; i < 200; i++) rtt.addSample(30, 2 + i);
    expect(rtt.smoothedMs).toBeCloseTo(30, 3);
    expect(rtt.varianceMs).toBeCloseTo(0, 3);
  });

  it('remembers the smallest one, until routes may have changed', () => {
    const rtt = new RttEstimator();
    rtt.addSample(20, 0);
    rtt.addSample(50, MIN_RTT_WINDOW_MS);
    expect(rtt.minMs).toBe(20);
    rtt.addSample(50, MIN_RTT_WINDOW_MS + 1);
    expect(rtt.minMs).toBe(50);
    rtt.addSample(40, MIN_RTT_WINDOW_MS + 2);
    expect(rtt.minMs).toBe(40);
  });

  it('never takes a sample below zero, which clocks and delays of receipts can give', () => {
    const rtt = new RttEstimator();
    rtt.addSample(-3, 0);
    expect(rtt.minMs).toBeGreaterThan(0);
    expect(rtt.smoothedMs).toBeGreaterThan(0);
  });
});
