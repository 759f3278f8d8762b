import { describe, expect, it } from 'vitest';
import { ActiveStandby } from '../../../shared/protocol/scheduler/active-standby.ts';
import { bulk, view } from './views.ts';

const policy = { mode: 'active-standby', order: ['uplink2', 'uplink1'] } as const;
const [first, second, third] = [view(2, 1, 300), view(1, 100, 10), view(0, 100, 5)];

describe('active-standby', () => {
  it('takes the first of its order, whatever it is like, and waits for it', () => {
    const scheduler = new ActiveStandby(policy, false);
    expect(scheduler.select(bulk(), [third, second, first], 0)).toBe(first);
    expect(scheduler.select(bulk(), [third, second, view(2, 1, 300, { isFree: false })], 1)).toBeUndefined();
  });

  it('takes the next at once when it is not to be trusted, and those without a place last', () => {
    const scheduler = new ActiveStandby(policy, false);
    scheduler.select(bulk(), [third, second, first], 0);
    expect(scheduler.select(bulk(), [third, second], 1)).toBe(second);
    expect(scheduler.select(bulk(), [third], 2)).toBe(third);
  });

  it('goes back after a second in which the better one was there all the time', () => {
    const scheduler = new ActiveStandby(policy, false);
    scheduler.select(bulk(), [second], 0);
    expect(scheduler.select(bulk(), [second, first], 1_000)).toBe(second);
    expect(scheduler.select(bulk(), [second], 1_500)).toBe(second);
    expect(scheduler.select(bulk(), [second, first], 2_000)).toBe(second);
    expect(scheduler.select(bulk(), [second, first], 2_999)).toBe(second);
    expect(scheduler.select(bulk(), [second, first], 3_000)).toBe(first);
  });

  it('without an order takes where data would arrive first, and stays there', () => {
    const scheduler = new ActiveStandby({ mode: 'active-standby' }, false);
    expect(scheduler.select(bulk(), [second, third], 0)).toBe(third);
    expect(scheduler.select(bulk(), [second, view(0, 100, 50)], 60_000)?.id).toBe(0);
  });

  it('at the concentrator, without an order, answers where the client was heard last', () => {
    const heard = view(2, 1, 300, { lastDataMs: 900 });
    const scheduler = new ActiveStandby({ mode: 'active-standby' }, true);
    expect(scheduler.select(bulk(), [view(0, 100, 5, { lastDataMs: 800 }), heard], 1_000)).toBe(heard);
  });

  it('copies nothing to the standby', () => {
    const scheduler = new ActiveStandby(policy, false);
    scheduler.select(bulk(), [first, second], 0);
    expect([scheduler.mayCopy(first), scheduler.mayCopy(second)]).toEqual([true, false]);
  });
});
