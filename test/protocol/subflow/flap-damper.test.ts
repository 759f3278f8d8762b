import { describe, expect, it } from 'vitest';
import { FLAP_TUNING, FlapDamper } from '../../../shared/protocol/subflow/flap-damper.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

/** Doubted so long after it got data again, and recovered at once; the waits it was given. */
function waitsOf(damper: FlapDamper, flaps: number, goodMs = FLAP_TUNING.memoryMs / 2): number[] {
  let nowMs = 0;
  return Array.from({ length: flaps }, () => {
    at(nowMs, damper).onDoubt();
    at(nowMs, damper).onRecover();
    const waitMs = damper.readyMs - nowMs;
    nowMs = damper.readyMs + goodMs;
    return waitMs;
  });
}

describe('FlapDamper', () => {
  it('lets a subflow in at once before any doubt', () => {
    expect(new FlapDamper(now, FLAP_TUNING).readyMs).toBe(Number.NEGATIVE_INFINITY);
  });

  it('forgives the first two pauses, then doubles the wait up to its maximum', () => {
    const damper = new FlapDamper(now, FLAP_TUNING);
    const waits = waitsOf(damper, 20);
    expect(waits.slice(0, 6)).toEqual([
      0,
      0,
      FLAP_TUNING.penaltyMs,
      2 * FLAP_TUNING.penaltyMs,
      4 * FLAP_TUNING.penaltyMs,
      8 * FLAP_TUNING.penaltyMs,
    ]);
    expect(waits.at(-1)).toBe(FLAP_TUNING.maxPenaltyMs);
  });

  it('forgets flaps when it carried data for long enough between them', () => {
    expect(waitsOf(new FlapDamper(now, FLAP_TUNING), 20, FLAP_TUNING.memoryMs + 1).at(-1)).toBe(0);
  });
});
