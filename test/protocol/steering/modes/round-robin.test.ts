import { describe, expect, it } from 'vitest';
import { RoundRobin } from '../../../../shared/protocol/steering/modes/round-robin.ts';
import { bulk, view } from '../../scheduler/views.ts';
import { modeContext } from '../mode-context.ts';

/** Which subflows get segments of these lengths, bytes. */
function ids(scheduler: RoundRobin, candidates: ReturnType<typeof view>[], lengths: readonly number[]) {
  return lengths.map((length) => {
    const chosen = scheduler.select(bulk(), candidates);
    if (chosen !== undefined) scheduler.onSent(chosen, { dsn: 0, length, fin: false });
    return chosen?.id;
  });
}

const alike = (count: number) => Array.from({ length: count }, () => 1_000);

describe('RoundRobin', () => {
  it('takes turns in the order of its policy', () => {
    const candidates = [view(5, 1, 500), view(2, 300, 5), view(3, 20, 50)];
    const scheduler = new RoundRobin(modeContext({ order: ['uplink3', 'uplink5'] }));
    expect(ids(scheduler, candidates, alike(5))).toEqual([3, 5, 2, 3, 5]);
  });

  it('alternates, whatever the speed and the order of the list', () => {
    const candidates = [view(5, 1, 500), view(2, 300, 5), view(3, 20, 50)];
    expect(ids(new RoundRobin(modeContext({})), candidates, alike(7))).toEqual([2, 3, 5, 2, 3, 5, 2]);
  });

  it('leaves out who is busy or gone, and does not stumble over it', () => {
    const scheduler = new RoundRobin(modeContext({}));
    const busy = [view(0, 1, 1), view(1, 1, 1, { isFree: false }), view(2, 1, 1)];
    expect(ids(scheduler, busy, alike(4))).toEqual([0, 2, 0, 2]);
    expect(ids(scheduler, [view(0, 1, 1, { isFree: false })], alike(1))).toEqual([undefined]);
  });

  it('divides the bytes evenly, whatever the lengths of the segments', () => {
    const lengths = Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? 16_000 : 4_000));
    const given = [0, 0];
    for (const [index, id] of ids(
      new RoundRobin(modeContext({})),
      [view(0, 1, 1), view(1, 1, 1)],
      lengths,
    ).entries()) {
      given[id!]! += lengths[index]!;
    }
    expect(given[0]! / (given[0]! + given[1]!)).toBeCloseTo(0.5, 1);
  });

  it('lets one that was busy for long make up for a little alone', () => {
    const scheduler = new RoundRobin(modeContext({}));
    ids(scheduler, [view(0, 1, 1), view(1, 1, 1, { isFree: false })], alike(1_000));
    const later = ids(scheduler, [view(0, 1, 1), view(1, 1, 1)], alike(200));
    expect(later.filter((id) => id === 1).length).toBeLessThan(140);
    expect(later.slice(-4).sort()).toEqual([0, 0, 1, 1]);
  });
});
