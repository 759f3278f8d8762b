import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deliveryTimeMs } from '../../../../shared/protocol/scheduler/delivery-time.ts';
import { AGGREGATE_TUNING, Aggregate } from '../../../../shared/protocol/steering/modes/aggregate.ts';
import { bulk, view } from '../../scheduler/views.ts';

describe('Aggregate', () => {
  it('takes the subflow that delivers first, not the fastest nor the shortest', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const [wide, short] = [view(0, 100, 100), view(1, 10, 20)];
    // 16 KB: 51 ms on the wide one, 23 ms on the short one; 160 KB: 63 ms and 138 ms.
    expect(scheduler.select(bulk(), [wide, short])).toBe(short);
    expect(scheduler.select(bulk({ lengthBytes: 160_000 }), [wide, short])).toBe(wide);
  });

  it('counts the queue on each', () => {
    const queued = view(0, 20, 20, { inFlightBytes: 400_000 });
    const other = view(1, 5, 60);
    expect(new Aggregate(AGGREGATE_TUNING).select(bulk(), [queued, other])).toBe(other);
  });

  it('lets urgent segments wait for the best rather than take another', () => {
    const candidates = [view(0, 50, 10, { isFree: false }), view(1, 40, 15)];
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    expect(scheduler.select(bulk({ urgency: 'urgent' }), candidates)).toBeUndefined();
    expect(scheduler.select(bulk(), candidates)).toBe(candidates[1]);
  });

  it('gives bulk to the fastest, though it is not the best, whatever the window', () => {
    const candidates = [view(0, 10, 10, { isFree: false }), view(1, 100, 200)];
    const request = bulk({ windowLeftBytes: 16_000 });
    expect(new Aggregate(AGGREGATE_TUNING).select(request, candidates)).toBe(candidates[1]);
  });

  it('gives bulk to a degraded subflow that adds little only when it is by far the best', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const degraded = view(1, 5, 200, { isDegraded: true, isRateGrowing: true });
    expect(scheduler.select(bulk(), [view(0, 100, 20, { isFree: false }), degraded])).toBeUndefined();
    expect(
      scheduler.select(bulk({ mayProbe: true }), [view(0, 100, 20, { isFree: false }), degraded]),
    ).toBeUndefined();
    expect(scheduler.select(bulk(), [degraded])).toBe(degraded);
    const [far, farther] = [view(0, 100, 300, { isFree: false }), view(0, 100, 600, { isFree: false })];
    expect(scheduler.select(bulk(), [far, degraded])).toBeUndefined();
    expect(scheduler.select(bulk(), [farther, degraded])).toBe(degraded);
  });

  it('gives bulk to a degraded subflow that is known to add to the others, and much where one of them loses packets', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const choose = (rateMbps: number, isRateProven: boolean, lossShare = 0) => {
      const degraded = view(1, rateMbps, 400, { isDegraded: true, isRateProven });
      const other = { ...view(0, 20, 20, { isFree: false }), lossShare };
      return scheduler.select(bulk(), [other, degraded])?.id;
    };
    expect([choose(2, true), choose(2, false), choose(1, true)]).toEqual([1, undefined, undefined]);
    expect([choose(6, true, 0.01), choose(4, true, 0.01)]).toEqual([1, undefined]);
  });

  it('closes the gate for a slow subflow when the window is small, opens it when it is large (BLEST)', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const candidates = [view(0, 100, 20, { isFree: false }), view(1, 5, 200)];
    // The slow one takes 125.6 ms for 16 KB; the fast one sends 1.57 MB in that time.
    const gate = 12_500 * 125.6 + 16_000;
    expect(scheduler.select(bulk({ windowLeftBytes: gate - 1 }), candidates)).toBeUndefined();
    expect(scheduler.select(bulk({ windowLeftBytes: gate + 1 }), candidates)).toBe(candidates[1]);
    const loaded = [candidates[0]!, view(1, 5, 200, { inFlightBytes: 1_000 })];
    expect(scheduler.select(bulk({ windowLeftBytes: gate + 1 }), loaded)).toBeUndefined();
  });

  it('narrows the gate after rounds in which the window was closed, and widens it slowly again', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const candidates = [view(0, 100, 20, { isFree: false }), view(1, 5, 200)];
    const passes = (lambda: number) => {
      const windowLeftBytes = 12_500 * 125.6 * lambda + 16_000;
      return scheduler.select(bulk({ windowLeftBytes }), candidates) !== undefined;
    };
    expect(passes(1.02)).toBe(true);
    scheduler.onRound(true);
    expect([passes(1.02), passes(1.05)]).toEqual([false, true]);
    for (let i = 0; i < 50; i++) scheduler.onRound(true);
    expect([passes(AGGREGATE_TUNING.maxLambda - 0.01), passes(AGGREGATE_TUNING.maxLambda + 0.01)]).toEqual([
      false,
      true,
    ]);
    for (let i = 0; i < 50; i++) scheduler.onRound(false);
    expect(passes(1.001)).toBe(true);
  });

  it('keeps the end of a stream off a slow subflow that would deliver after the fast one had sent all (ECF)', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const candidates = [view(0, 100, 20, { isFree: false }), view(1, 5, 200)];
    // 125.6 ms on the slow one; the fast one sends 1.4 MB by then.
    expect(scheduler.select(bulk({ remainingBytes: 1_000_000 }), candidates)).toBeUndefined();
    expect(scheduler.select(bulk({ remainingBytes: 2_000_000 }), candidates)).toBe(candidates[1]);
  });

  it('lets a long stream find out what a subflow can whose rate still grows, within the gate', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const cut = (one: ReturnType<typeof view>) => ({ ...one, segmentBytes: 16_000 });
    const candidates = [cut(view(0, 100, 20)), cut(view(1, 5, 200, { isRateGrowing: true }))];
    const long = { mayProbe: true, unsentBytes: 4_000_000 };
    expect(scheduler.select(bulk(long), candidates)).toBe(candidates[1]);
    expect(scheduler.select(bulk({ ...long, mayProbe: false }), candidates)).toBe(candidates[0]);
    const narrow = bulk({ ...long, windowLeftBytes: 100_000 });
    expect(scheduler.select(narrow, candidates)).toBe(candidates[0]);
    const busy = [candidates[0]!, cut(view(1, 5, 200, { isRateGrowing: true, isFree: false }))];
    expect(scheduler.select(bulk(long), busy)).toBe(candidates[0]);
  });

  it('gives a subflow that adds little nothing of a long stream that would stand still for it', () => {
    const scheduler = new Aggregate(AGGREGATE_TUNING);
    const candidates = [view(0, 100, 20, { isFree: false }), view(1, 5, 200)];
    const withUnsent = (unsentBytes: number) => bulk({ mayProbe: true, lengthBytes: 16_000, unsentBytes });
    const cut = candidates.map((one) => ({ ...one, segmentBytes: 16_000 }));
    expect(scheduler.select(withUnsent(100_000), cut)).toBeUndefined();
    expect(scheduler.select(withUnsent(4_000_000), cut)).toBe(cut[1]);
    expect(scheduler.select({ ...withUnsent(4_000_000), windowLeftBytes: 1_000_000 }, cut)).toBeUndefined();
    const adding = [cut[0]!, { ...view(1, 40, 200), segmentBytes: 16_000 }];
    expect(scheduler.select(withUnsent(100_000), adding)).toBe(adding[1]);
  });

  it('waits when nothing is free', () => {
    const candidates = [view(0, 100, 20, { isFree: false }), view(1, 5, 200, { isFree: false })];
    expect(new Aggregate(AGGREGATE_TUNING).select(bulk(), candidates)).toBeUndefined();
  });

  it('only ever picks a subflow that can take the segment, and the best one whenever that is free', () => {
    const anyView = fc.record({
      rate: fc.integer({ min: 1, max: 300 }),
      rtt: fc.integer({ min: 1, max: 600 }),
      inFlightBytes: fc.nat(2_000_000),
      isFree: fc.boolean(),
    });
    const request = fc.record({
      urgency: fc.constantFrom('bulk' as const, 'urgent' as const),
      lengthBytes: fc.integer({ min: 1, max: 65_512 }),
      windowLeftBytes: fc.nat(16_000_000),
      remainingBytes: fc.option(fc.nat(10_000_000), { nil: undefined }),
      mayProbe: fc.constant(false),
      unsentBytes: fc.nat(4_000_000),
      waitingMs: fc.constant(0),
    });
    fc.assert(
      fc.property(fc.array(anyView, { minLength: 1, maxLength: 6 }), request, (parts, wanted) => {
        const views = parts.map((part, id) => view(id, part.rate, part.rtt, part));
        const chosen = new Aggregate(AGGREGATE_TUNING).select(wanted, views);
        const times = views.map((one) => deliveryTimeMs(one, wanted.lengthBytes));
        const best = views[times.indexOf(Math.min(...times))]!;
        if (best.canTake) expect(chosen).toBe(best);
        else if (chosen !== undefined) {
          expect(chosen.canTake).toBe(true);
          expect(wanted.urgency).toBe('bulk');
        }
      }),
      { numRuns: 500 },
    );
  });
});
