import { expect, test } from 'vitest';
import { runSeed } from './plan.ts';

test('one', () => {
  const r = runSeed(1);
  console.log(r);
  expect(r.streams).toBeGreaterThan(0);
});
