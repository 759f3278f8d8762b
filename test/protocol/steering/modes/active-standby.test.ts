import { describe, expect, it } from 'vitest';
import type { PolicyParameters } from '../../../../shared/protocol/scheduler/policy-parameters.ts';
import {
  ACTIVE_STANDBY_TUNING,
  ActiveStandby,
} from '../../../../shared/protocol/steering/modes/active-standby.ts';
import { bulk, view } from '../../scheduler/views.ts';
import { TestClock } from '../../test-clock.ts';
import { modeContext } from '../mode-context.ts';

const now = new TestClock();
const { at } = now;
const policy = { order: ['uplink2', 'uplink1'] } as const;
const [first, second, third] = [view(2, 1, 300), view(1, 100, 10), view(0, 100, 5)];

const make = (parameters: PolicyParameters = policy, followsPeer = false) =>
  new ActiveStandby(modeContext(parameters, { now, followsPeer }), ACTIVE_STANDBY_TUNING);

describe('active-standby', () => {
  it('takes the first of its order, whatever it is like, and waits for it', () => {
    const scheduler = make();
    expect(at(0, scheduler).select(bulk(), [third, second, first])).toBe(first);
    expect(
      at(1, scheduler).select(bulk(), [third, second, view(2, 1, 300, { isFree: false })]),
    ).toBeUndefined();
  });

  it('takes the next at once when it is not to be trusted, and those without a place last', () => {
    const scheduler = make();
    at(0, scheduler).select(bulk(), [third, second, first]);
    expect(at(1, scheduler).select(bulk(), [third, second])).toBe(second);
    expect(at(2, scheduler).select(bulk(), [third])).toBe(third);
  });

  it('goes back after a second in which the better one was there all the time', () => {
    const scheduler = make();
    at(0, scheduler).select(bulk(), [second]);
    expect(at(1_000, scheduler).select(bulk(), [second, first])).toBe(second);
    expect(at(1_500, scheduler).select(bulk(), [second])).toBe(second);
    expect(at(2_000, scheduler).select(bulk(), [second, first])).toBe(second);
    expect(at(2_999, scheduler).select(bulk(), [second, first])).toBe(second);
    expect(at(3_000, scheduler).select(bulk(), [second, first])).toBe(first);
  });

  it('without an order takes where data would arrive first, and stays there', () => {
    const scheduler = make({});
    expect(at(0, scheduler).select(bulk(), [second, third])).toBe(third);
    expect(at(60_000, scheduler).select(bulk(), [second, view(0, 100, 50)])?.id).toBe(0);
  });

  it('at the concentrator, without an order, answers where the client was heard last', () => {
    const heard = view(2, 1, 300, { lastDataMs: 900 });
    const scheduler = make({}, true);
    expect(at(1_000, scheduler).select(bulk(), [view(0, 100, 5, { lastDataMs: 800 }), heard])).toBe(heard);
  });

  it('copies nothing to the standby', () => {
    const scheduler = make();
    at(0, scheduler).select(bulk(), [first, second]);
    expect([scheduler.mayCopy(first), scheduler.mayCopy(second)]).toEqual([true, false]);
  });
});
