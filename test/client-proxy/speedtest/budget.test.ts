import { expect, it } from 'vitest';
import { Budget } from '../../../client-proxy/speedtest/budget.ts';

it('shares bytes by the number of uplinks, and hands on what is left', () => {
  const plan = [{ uplinks: 1 }, { uplinks: 1 }, { uplinks: 2 }];
  const budget = new Budget(8_000, plan);
  expect(budget.next(plan[0]!)).toBe(2_000);
  budget.use(500);
  expect(budget.next(plan[1]!)).toBe(2_500);
  budget.use(2_500);
  expect(budget.next(plan[2]!)).toBe(5_000);
  budget.use(5_000);
  expect(budget.usedBytes).toBe(8_000);
  // What was not planned has the rest, and that is nothing.
  expect(budget.next({ uplinks: 2 })).toBe(0);
});
