import { describe, expect, it } from 'vitest';
import { FlapDamper } from '../../../shared/protocol/subflow/flap-damper.ts';
import { FLAP_MEMORY_MS, FLAP_PENALTY_MS, MAX_FLAP_PENALTY_MS } from '../../../shared/protocol/tunables.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

/** Doubted so long after it got data again, and recovered at once; the waits it was given. */
function waitsOf(damper: FlapDamper, flaps: number, goodMs = FLAP_MEMORY_MS / 2): number[] {
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
    expect(new FlapDamper(now).readyMs).toBe(Number.NEGATIVE_INFINITY);
  });

  it('forgives the first two pauses, then doubles the wait up to its maximum', () => {
    const damper = new FlapDamper(now);
    const waits = waitsOf(damper, 20);
    expect(waits.slice(0, 6)).toEqual([
      0,
      0,
      FLAP_PENALTY_MS,
      2 * FLAP_PENALTY_MS,
      4 * FLAP_PENALTY_MS,
      8 * FLAP_PENALTY_MS,
    ]);
    expect(waits.at(-1)).toBe(MAX_FLAP_PENALTY_MS);
  });

  it('forgets flaps when it carried data for long enough between them', () => {
    expect(waitsOf(new FlapDamper(now), 20, FLAP_MEMORY_MS + 1).at(-1)).toBe(0);
  });
});
