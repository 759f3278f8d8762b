import { expect, it } from 'vitest';
import { Backoff } from '../../../shared/runtime/async/backoff.ts';

it.each([
  ['doubles with each failure up to the maximum', undefined, [500, 1000, 2000, 4000, 8000, 8000]],
  ['waits no longer at first where that is told', 2, [500, 500, 500, 1000, 2000, 4000]],
])('the ceiling %s', (_, steady, ceilings) => {
  const bounds = { minMs: 500, maxMs: 8000, ...(steady === undefined ? {} : { steady }) };
  for (const [random, share] of [
    [0, 0.5],
    [1, 1],
  ] as const) {
    const backoff = new Backoff(bounds, () => random);
    expect(ceilings.map(() => backoff.nextMs())).toEqual(ceilings.map((each) => each * share));
    backoff.succeed();
    expect(backoff.nextMs()).toBe(500 * share);
  }
});
