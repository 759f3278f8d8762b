import { describe, expect, it } from 'vitest';
import { PRIORITY_TUNING, Priority } from '../../../../shared/protocol/steering/modes/priority.ts';
import { bulk, view } from '../../scheduler/views.ts';
import { modeContext } from '../mode-context.ts';

const make = () => new Priority(modeContext({ order: ['uplink1', 'uplink0'] }), PRIORITY_TUNING);
const cheap = (more = {}) => view(1, 10, 50, more);
const dear = (more = {}) => view(0, 100, 10, more);
const last = view(2, 1_000, 1);
const long = bulk({ waitingMs: 1_000 });

describe('priority', () => {
  it('fills the first of its order, however good the others are', () => {
    expect(make().select(long, [last, dear(), cheap()])?.id).toBe(1);
  });

  it('waits for the first while the stream has not waited for long', () => {
    const views = [last, dear(), cheap({ isFree: false })];
    expect(make().select(bulk({ waitingMs: 199 }), views)).toBeUndefined();
    expect(make().select(bulk({ waitingMs: 200 }), views)?.id).toBe(0);
  });

  it('waits longer for one whose rate still grows', () => {
    const views = [dear(), cheap({ isFree: false, isRateGrowing: true })];
    expect(make().select(bulk({ waitingMs: 499 }), views)).toBeUndefined();
    expect(make().select(bulk({ waitingMs: 500 }), views)?.id).toBe(0);
  });

  it('takes the third only when the second is full as well', () => {
    const views = [last, dear({ isFree: false }), cheap({ isFree: false })];
    expect(make().select(bulk({ waitingMs: 100 }), views)).toBeUndefined();
    expect(make().select(long, views)?.id).toBe(2);
  });

  it('does not overflow where the stream would wait for it: the gate of aggregate', () => {
    const far = view(0, 10, 800);
    const views = [far, cheap({ isFree: false })];
    expect(make().select({ ...long, windowLeftBytes: 300_000 }, views)).toBeUndefined();
    expect(make().select(long, views)?.id).toBe(0);
  });

  it('copies to what the stream has reached, and no farther', () => {
    const scheduler = make();
    scheduler.select(long, [last, dear(), cheap()]);
    expect([cheap(), dear(), last].map((one) => scheduler.mayCopy(one))).toEqual([true, false, false]);
    scheduler.select(long, [last, dear(), cheap({ isFree: false })]);
    expect([cheap(), dear(), last].map((one) => scheduler.mayCopy(one))).toEqual([true, true, false]);
  });
});
