import { describe, expect, it } from 'vitest';
import { FlapDamper } from '../../../shared/protocol/subflow/flap-damper.ts';
import { FLAP_MEMORY_MS, FLAP_PENALTY_MS, MAX_FLAP_PENALTY_MS } from '../../../shared/protocol/tunables.ts';

/** Doubted and recovered at once, every second; the waits it was given. */
function waitsOf(damper: FlapDamper, flaps: number, startMs = 0): number[] {
  return Array.from({ length: flaps }, (_, i) => {
    const nowMs = startMs + i * 1_000;
    damper.onDoubt(nowMs);
    damper.onRecover(nowMs);
    return damper.readyMs - nowMs;
  });
}

describe('FlapDamper', () => {
  it('lets a subflow in at once before any doubt', () => {
    expect(new FlapDamper().readyMs).toBe(Number.NEGATIVE_INFINITY);
  });

  it('forgives the first two pauses, then doubles the wait up to its maximum', () => {
    const damper = new FlapDamper();
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

  it('forgets flaps after a quiet time', () => {
    const damper = new FlapDamper();
    waitsOf(damper, 10);
    expect(waitsOf(damper, 3, 9_000 + FLAP_MEMORY_MS + 1)).toEqual([0, 0, FLAP_PENALTY_MS]);
  });
});
