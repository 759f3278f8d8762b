import { expect, it } from 'vitest';
import type { KernelMeasurement } from '../../../shared/protocol/kernel-measurement.ts';
import { CONGESTION_TUNING } from '../../../shared/protocol/subflow/controller-tuning.ts';
import { HostLag } from '../../../shared/protocol/subflow/host-lag.ts';
import { RTT_TUNING, RttEstimator } from '../../../shared/protocol/subflow/rtt-estimator.ts';

const KERNEL = { rttMs: 40, notSentBytes: 5_000 } as KernelMeasurement;
const BYTES_PER_SECOND = 1_000_000;

/** The programs add these to a round trip of 40 ms, behind 5 ms of unsent bytes. */
function bed() {
  const now = { ms: 0 };
  const meter = { kernel: KERNEL, rtt: new RttEstimator(now, RTT_TUNING) };
  const lag = new HostLag(now, meter, CONGESTION_TUNING);
  const add = (samplesMs: readonly number[]) => {
    for (const sampleMs of samplesMs) {
      now.ms += 10;
      meter.rtt.addSample(45 + sampleMs);
      lag.onRoundTrip(BYTES_PER_SECOND);
    }
  };
  return { lag, add };
}

it.each([
  { what: 'the programs are always as late', samplesMs: Array(100).fill(45), least: 14, most: 16 },
  {
    what: 'they are late by chance',
    samplesMs: Array.from({ length: 400 }, (_, i) => (i * 7) % 50),
    least: 20,
    most: 75,
  },
  { what: 'receipts take a faster way', samplesMs: Array(100).fill(-40), least: 0, most: 0 },
])('is between $least and $most ms when $what', ({ samplesMs, least, most }) => {
  const { lag, add } = bed();
  add(samplesMs);
  expect(lag.usualMostMs).toBeGreaterThanOrEqual(least);
  expect(lag.usualMostMs).toBeLessThanOrEqual(most);
});

it('says nothing where the kernel says nothing', () => {
  const now = { ms: 0 };
  const meter = { kernel: undefined, rtt: new RttEstimator(now, RTT_TUNING) };
  const lag = new HostLag(now, meter, CONGESTION_TUNING);
  meter.rtt.addSample(400);
  lag.onRoundTrip(BYTES_PER_SECOND);
  expect(lag.usualMostMs).toBeUndefined();
});

it('leaves out what comes behind a pause', () => {
  const { lag, add } = bed();
  add(Array(100).fill(0));
  lag.unsettle();
  add(Array(5).fill(400));
  expect(lag.usualMostMs).toBeLessThan(1);
  add(Array(50).fill(60));
  expect(lag.usualMostMs).toBeGreaterThan(15);
});
