import { describe, expect, it } from 'vitest';
import type { PolicyParameters } from '../../../../shared/protocol/scheduler/policy-parameters.ts';
import { LOWEST_LATENCY_TUNING } from '../../../../shared/protocol/steering/modes/lowest-latency.ts';
import { oneOfEachPath, Redundant } from '../../../../shared/protocol/steering/modes/redundant.ts';
import { bulk, uplinkNamed, view } from '../../scheduler/views.ts';
import { TestClock } from '../../test-clock.ts';
import { modeContext, NOTHING_SENT } from '../mode-context.ts';

const now = new TestClock();
const make = (stream = NOTHING_SENT, policy: PolicyParameters = {}) =>
  new Redundant(modeContext(policy, { stream, now }), LOWEST_LATENCY_TUNING);

describe('redundant', () => {
  it('sends a new segment where it would arrive first of all that are free', () => {
    const scheduler = make();
    const [near, far] = [view(0, 10, 20), view(1, 10, 200)];
    expect(scheduler.select(bulk(), [far, near])).toBe(near);
    expect(scheduler.select(bulk(), [far, view(0, 10, 20, { isFree: false })])).toBe(far);
    expect(scheduler.select(bulk(), [view(1, 10, 200, { isFree: false })])).toBeUndefined();
  });

  it('repeats on a free carrier what another was given, and copies nothing beside', () => {
    const sent = { ...NOTHING_SENT, sentBytes: 100, firstUndelivered: (dsn: number) => dsn };
    const scheduler = make(sent);
    const [one, two, busy] = [view(0, 10, 20), view(1, 10, 200), view(2, 10, 5, { isFree: false })];
    scheduler.repeats.onCarriers([one, two, busy]);
    scheduler.onSent(one, { dsn: 0, length: 100, fin: false });
    const segment = { dsn: 0, length: 100, fin: false };
    expect(scheduler.repeats.next([busy, one, two])).toEqual({ target: two, segment });
    scheduler.repeats.onSent(two, segment);
    expect(scheduler.repeats.next([busy, one, two])).toBeUndefined();
    expect(scheduler.repeats.isPending).toBe(true);
    expect(scheduler.mayCopy(one)).toBe(false);
  });

  it('with limits, repeats only while no uplink is within them, and then all that is under way', () => {
    const sent = { ...NOTHING_SENT, sentBytes: 100, firstUndelivered: (dsn: number) => dsn };
    const scheduler = make(sent, { maxRttMs: 100, order: ['uplink1'] });
    const at = (ms: number, ...views: ReturnType<typeof view>[]) => {
      now.ms = ms;
      scheduler.repeats.onCarriers(views);
      return scheduler.select(bulk(), views)?.id;
    };
    const [near, far] = [view(0, 10, 20), view(1, 10, 80)];
    expect(at(0, near, far)).toBe(1);
    scheduler.onSent(far, { dsn: 0, length: 100, fin: false });
    expect([scheduler.repeats.isPending, scheduler.repeats.next([near, far])]).toEqual([false, undefined]);
    expect([scheduler.mayCopy(near), scheduler.mayCopy(far)]).toEqual([false, true]);
    // The preferred one has become slow: the other is good enough alone.
    const slow = { ...far, delayMs: 150 };
    expect(at(100, near, slow)).toBe(0);
    expect(scheduler.repeats.isPending).toBe(false);
    expect(at(200, { ...near, delayMs: 120 }, slow)).toBe(0);
    expect([scheduler.repeats.isPending, scheduler.mayCopy(near)]).toEqual([true, false]);
    expect(at(3_000, near, slow)).toBe(0);
    expect(at(6_000, near, slow)).toBe(0);
    expect(scheduler.repeats.isPending).toBe(false);
  });

  it('goes over one subflow of each path', () => {
    const [first, second] = [view(0, 10, 20), { ...view(1, 10, 20), uplink: uplinkNamed('uplink0') }];
    const [other, path] = [view(2, 10, 20), { ...view(3, 10, 20), uplink: uplinkNamed('uplink0'), path: 4 }];
    expect(oneOfEachPath([first, second, other, path])).toEqual([first, other, path]);
  });
});
