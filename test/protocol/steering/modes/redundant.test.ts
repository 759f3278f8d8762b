import { describe, expect, it } from 'vitest';
import { oneOfEachPath, Redundant } from '../../../../shared/protocol/steering/modes/redundant.ts';
import { bulk, uplinkNamed, view } from '../../scheduler/views.ts';
import { NOTHING_SENT } from '../mode-context.ts';

describe('redundant', () => {
  it('sends a new segment where it would arrive first of all that are free', () => {
    const scheduler = new Redundant(NOTHING_SENT);
    const [near, far] = [view(0, 10, 20), view(1, 10, 200)];
    expect(scheduler.select(bulk(), [far, near])).toBe(near);
    expect(scheduler.select(bulk(), [far, view(0, 10, 20, { isFree: false })])).toBe(far);
    expect(scheduler.select(bulk(), [view(1, 10, 200, { isFree: false })])).toBeUndefined();
  });

  it('repeats on a free carrier what another was given, and copies nothing beside', () => {
    const sent = { ...NOTHING_SENT, sentBytes: 100, firstUndelivered: (dsn: number) => dsn };
    const scheduler = new Redundant(sent);
    const [one, two, busy] = [view(0, 10, 20), view(1, 10, 200), view(2, 10, 5, { isFree: false })];
    scheduler.repeats.onCarriers([one, two, busy]);
    scheduler.onSent(one, { dsn: 0, length: 100, fin: false });
    const segment = { dsn: 0, length: 100, fin: false };
    expect(scheduler.repeats.next([busy, one, two])).toEqual({ target: two, segment });
    scheduler.repeats.onSent(two, segment);
    expect(scheduler.repeats.next([busy, one, two])).toBeUndefined();
    expect(scheduler.repeats.isPending).toBe(true);
    expect(scheduler.mayCopy()).toBe(false);
  });

  it('goes over one subflow of each path', () => {
    const [first, second] = [view(0, 10, 20), { ...view(1, 10, 20), uplink: uplinkNamed('uplink0') }];
    const [other, path] = [view(2, 10, 20), { ...view(3, 10, 20), uplink: uplinkNamed('uplink0'), path: 4 }];
    expect(oneOfEachPath([first, second, other, path])).toEqual([first, other, path]);
  });
});
