import { describe, expect, it } from 'vitest';
import { RoundRobin } from '../../../../shared/protocol/steering/modes/round-robin.ts';
import { bulk, view } from '../../scheduler/views.ts';
import { modeContext } from '../mode-context.ts';

const ids = (scheduler: RoundRobin, candidates: ReturnType<typeof view>[], turns: number) =>
  Array.from({ length: turns }, () => scheduler.select(bulk(), candidates)?.id);

describe('RoundRobin', () => {
  it('takes turns in the order of its policy', () => {
    const candidates = [view(5, 1, 500), view(2, 300, 5), view(3, 20, 50)];
    const scheduler = new RoundRobin(modeContext({ order: ['uplink3', 'uplink5'] }));
    expect(ids(scheduler, candidates, 5)).toEqual([3, 5, 2, 3, 5]);
  });

  it('alternates, whatever the speed and the order of the list', () => {
    const candidates = [view(5, 1, 500), view(2, 300, 5), view(3, 20, 50)];
    expect(ids(new RoundRobin(modeContext({})), candidates, 7)).toEqual([2, 3, 5, 2, 3, 5, 2]);
  });

  it('leaves out who is busy or gone, and does not stumble over it', () => {
    const scheduler = new RoundRobin(modeContext({}));
    const busy = [view(0, 1, 1), view(1, 1, 1, { isFree: false }), view(2, 1, 1)];
    expect(ids(scheduler, busy, 4)).toEqual([0, 2, 0, 2]);
    expect(ids(scheduler, [view(0, 1, 1), view(1, 1, 1)], 3)).toEqual([0, 1, 0]);
    expect(ids(scheduler, [view(0, 1, 1, { isFree: false })], 1)).toEqual([undefined]);
  });
});
