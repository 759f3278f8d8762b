import { expect, it } from 'vitest';
import { PolicyLimits } from '../../../shared/protocol/scheduler/policy-limits.ts';
import { STEERING_TUNING } from '../../../shared/protocol/steering/steering-tuning.ts';
import { TestClock } from '../test-clock.ts';
import { view } from './views.ts';

const how = { delayOf: ({ delayMs }: { delayMs: number }) => delayMs };
const policy = (maxRttMs: number) => ({ mode: 'active-standby', maxRttMs });
const [wifi, lte] = [view(0, 10, 10, { delayMs: 300 }), view(1, 10, 10, { delayMs: 40 })];
const make = () => new PolicyLimits(new TestClock(), STEERING_TUNING);

it('what one connection has left, the next one with an equal policy does not go back to before its time', () => {
  const limits = make();
  expect(limits.of(policy(250), how).beyond([wifi, lte]).size).toBe(1);
  const good = { ...wifi, delayMs: 100 };
  expect(limits.of(policy(250), how).beyond([good, lte]).size).toBe(1);
  expect(limits.of(policy(260), how).beyond([good, lte]).size).toBe(0);
});

it('knows the limits of policies that have some', () => {
  const limits = make();
  limits.of({ mode: 'aggregate' }, how);
  limits.of({ mode: 'lowest-latency' }, { ...how, defaultMaxRttMs: 250 });
  expect(limits.known({ mode: 'aggregate' })).toBeUndefined();
  expect(limits.known({ mode: 'lowest-latency' })?.most).toEqual({ rttMs: 250, loss: 1 });
});

it('keeps so many and no more: those that were wanted longest ago go first', () => {
  const limits = make();
  for (let ms = 1; ms <= 200; ms++) {
    limits.of(policy(ms), how);
    limits.of(policy(1), how);
  }
  expect([1, 2, 199, 200].map((ms) => limits.known(policy(ms)) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
