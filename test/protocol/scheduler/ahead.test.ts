import { describe, expect, it } from 'vitest';
import { AHEAD_TUNING, aheadBytes, mostAheadBytes } from '../../../shared/protocol/scheduler/ahead.ts';
import { view } from './views.ts';

const SEGMENT_BYTES = 4_000;
const cut = (...parts: Parameters<typeof view>) => ({ ...view(...parts), segmentBytes: SEGMENT_BYTES });

const fast = cut(0, 100, 10);
/** Its segment is there 100 ms and 32 ms from now, that of `fast` 5.3 ms. */
const slow = cut(1, 1, 200);
const lagMs = 132 - 5.3;

describe('how far ahead a segment is sent', () => {
  it.each([
    { where: 'on a slow subflow by what the fast one brings meanwhile', target: slow, ms: lagMs },
    { where: 'on the fast one not at all', target: fast, ms: 0 },
    { where: 'behind a queue by more', target: cut(1, 1, 200, { inFlightBytes: 50_000 }), ms: lagMs + 200 },
    {
      where: 'while the rate is a guess as if nothing of what is under way were there',
      target: cut(1, 1, 200, { inFlightBytes: 12_500, isRateProven: false }),
      ms: lagMs + 100,
    },
    { where: 'not at all where the delays are much alike', target: cut(1, 1, 19), ms: 0 },
    { where: 'not at all for a difference of some milliseconds', target: cut(1, 100, 60), ms: 0 },
  ])('$where', ({ target, ms }) => {
    const bytes = aheadBytes(target, [fast, target], AHEAD_TUNING);
    expect(bytes).toBeCloseTo(AHEAD_TUNING.margin * ms * 12_500, -4);
    expect(mostAheadBytes([fast, target], AHEAD_TUNING)).toBeGreaterThanOrEqual(bytes);
  });

  it('is nothing for the only subflow', () => {
    expect(aheadBytes(slow, [slow], AHEAD_TUNING)).toBe(0);
  });
});
