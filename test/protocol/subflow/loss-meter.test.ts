import { expect, it } from 'vitest';
import { LOSS_TUNING, LossMeter } from '../../../shared/protocol/subflow/loss-meter.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

it('follows the share of packets that were sent again', () => {
  const meter = new LossMeter(now, LOSS_TUNING);
  at(0, meter).onCounts(5_000, 900);
  expect(meter.share).toBe(0);
  for (let span = 1; span <= 10; span++) at(span * 100, meter).onCounts(5_000 + span * 100, 900 + span * 3);
  expect(meter.share).toBeCloseTo(0.03, 4);
  for (let span = 11; span <= 20; span++) at(span * 100, meter).onCounts(5_000 + span * 100, 930);
  expect(meter.share).toBeLessThan(0.0001);
});

it('comes to nothing at all when nothing is lost for long, in use or not', () => {
  for (const packets of [0, 100]) {
    const meter = new LossMeter(now, LOSS_TUNING);
    at(0, meter).onCounts(0, 0);
    at(1_000, meter).onCounts(100, 4);
    expect(meter.share).toBe(0.02);
    for (let span = 1; span <= 5; span++) at(1_000 + span * 10_000, meter).onCounts(100 + span * packets, 4);
    expect(meter.share).toBe(0);
  }
});

it('says nothing by a few packets, and forgets what was long ago', () => {
  const meter = new LossMeter(now, LOSS_TUNING);
  at(0, meter).onCounts(0, 0);
  at(1_000, meter).onCounts(99, 50);
  expect(meter.share).toBe(0);
  at(1_001, meter).onCounts(100, 50);
  expect(meter.share).toBe(0.25);
  at(11_000, meter).onCounts(120, 50);
  expect(meter.share).toBe(0.25);
  at(11_001, meter).onCounts(120, 50);
  expect(meter.share).toBe(0.125);
});
