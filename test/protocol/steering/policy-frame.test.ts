import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { frameOfPolicy, isModeAlone, policyOfFrame } from '../../../shared/protocol/steering/policy-frame.ts';
import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { thrownBy } from '../support.ts';

const misuse = { code: 'internalError', name: 'MisuseError' };
const names = Array.from({ length: 24 }, (_, index) => `${'n'.repeat(60)}${index}`);

function carried(policy: SteeringPolicy): SteeringPolicy {
  return policyOfFrame(frameOfPolicy(policy, 1, 1));
}

describe('a policy on the wire', () => {
  it('is the same at the other end', () => {
    const policy = {
      mode: 'priority',
      only: ['lte', 'dsl', 'sat'],
      order: ['dsl', 'wifi', 'lte'],
      weights: { sat: 1_000_000, dsl: 500_000 },
      maxRttMs: 300,
      maxLoss: 0.025,
    } as const;
    const there = carried(policy);
    expect(there).toEqual({ ...policy, only: ['dsl', 'lte', 'sat'] });
    expect(carried(there)).toEqual(there);
  });

  it.each([
    { mode: 'aggregate' },
    { mode: 'redundant' },
    { mode: 'lowest-latency', maxLoss: 0 },
    { mode: 'active-standby', order: ['a'] },
    { mode: 'aggregate', only: ['__proto__', 'constructor'] },
  ] as const)('has no more than it had: $mode', (policy) => {
    expect(carried(policy)).toEqual(policy);
  });

  it('keeps the proportions of weights in any unit, and the smallest of them', () => {
    const weightsOf = (weights: Record<string, number>) => carried({ mode: 'weighted', weights }).weights;
    expect(weightsOf({ a: 0.7, b: 0.35 })).toEqual({ a: 1_000_000, b: 500_000 });
    expect(weightsOf({ a: 3e12, b: 1 })).toEqual({ a: 1_000_000, b: 1 });
    expect(weightsOf({ a: 1, b: 0 })).toEqual({ a: 1_000_000 });
    expect(weightsOf({ a: 0 })).toBeUndefined();
  });

  it('fits a frame with the most uplinks and the longest names', () => {
    expect(encodeControl(frameOfPolicy({ mode: 'priority', order: names }, 1, 1)).length).toBeLessThanOrEqual(
      2056,
    );
  });

  it.each<[string, SteeringPolicy]>([
    ['no uplink at all', { mode: 'aggregate', only: [] }],
    ['too many uplinks', { mode: 'aggregate', only: names, order: ['one-more'] }],
    ['a name that no uplink has', { mode: 'aggregate', only: ['my uplink'] }],
    ['a negative weight', { mode: 'weighted', weights: { a: -1 } }],
    ['a weight that is no number', { mode: 'weighted', weights: { a: Number.NaN } }],
    ['a weight without end', { mode: 'weighted', weights: { a: Number.POSITIVE_INFINITY } }],
    ['no round trip', { mode: 'lowest-latency', maxRttMs: 0 }],
    ['more loss than all', { mode: 'lowest-latency', maxLoss: 1.1 }],
  ])('refuses %s', (_, policy) => {
    expect(thrownBy(() => frameOfPolicy(policy, 1, 1))).toEqual(misuse);
  });

  it('is left out where a mode says it all', () => {
    expect(isModeAlone({ mode: 'weighted' })).toBe(true);
    expect(isModeAlone({ mode: 'aggregate', maxLoss: 0 })).toBe(false);
    expect(isModeAlone({ mode: 'aggregate', only: ['a'] })).toBe(false);
  });

  it('of whatever frame names each uplink of it once', () => {
    const uplink = fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/),
      isOnly: fc.boolean(),
      isOrdered: fc.boolean(),
      weight: fc.nat(0xffff_ffff),
    });
    const uplinks = fc.uniqueArray(uplink, { maxLength: 24, selector: ({ name }) => name });
    fc.assert(
      fc.property(uplinks, fc.nat(255), (all, mode) => {
        const frame = { type: 'steering', streamId: 1, generation: 1, mode, maxRttMs: 0 } as const;
        const policy = policyOfFrame({ ...frame, maxLossMillionths: undefined, uplinks: all });
        expect(policy.only ?? []).toEqual(all.filter(({ isOnly }) => isOnly).map(({ name }) => name));
        expect(policy.order ?? []).toEqual(all.filter(({ isOrdered }) => isOrdered).map(({ name }) => name));
        expect(carried(policy).order).toEqual(policy.order);
      }),
    );
  });
});
