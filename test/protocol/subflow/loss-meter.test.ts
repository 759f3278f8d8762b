import { expect, it } from 'vitest';
import { LossMeter } from '../../../shared/protocol/subflow/loss-meter.ts';

it('follows the share of packets that were sent again', () => {
  const meter = new LossMeter();
  meter.onCounts(5_000, 900, 0);
  expect(meter.share).toBe(0);
  for (let span = 1; span <= 10; span++) meter.onCounts(5_000 + span * 100, 900 + span * 3, span * 100);
  expect(meter.share).toBeCloseTo(0.03, 4);
  for (let span = 11; span <= 20; span++) meter.onCounts(5_000 + span * 100, 930, span * 100);
  expect(meter.share).toBeLessThan(0.0001);
});

it('comes to nothing at all when nothing is lost for long, in use or not', () => {
  for (const packets of [0, 100]) {
    const meter = new LossMeter();
    meter.onCounts(0, 0, 0);
    meter.onCounts(100, 4, 1_000);
    expect(meter.share).toBe(0.02);
    for (let span = 1; span <= 5; span++) meter.onCounts(100 + span * packets, 4, 1_000 + span * 10_000);
    expect(meter.share).toBe(0);
  }
});

it('says nothing by a few packets, and forgets what was long ago', () => {
  const meter = new LossMeter();
  meter.onCounts(0, 0, 0);
  meter.onCounts(99, 50, 1_000);
  expect(meter.share).toBe(0);
  meter.onCounts(100, 50, 1_001);
  expect(meter.share).toBe(0.25);
  meter.onCounts(120, 50, 11_000);
  expect(meter.share).toBe(0.25);
  meter.onCounts(120, 50, 11_001);
  expect(meter.share).toBe(0.125);
});
