import { expect, it } from 'vitest';
import { subflowBound } from '../../../client-proxy/path-manager/subflow-bound.ts';

it.each([
  { maxSubflows: 32, uplinks: 1, bound: 8 },
  { maxSubflows: 32, uplinks: 2, bound: 8 },
  { maxSubflows: 32, uplinks: 5, bound: 5 },
  { maxSubflows: 32, uplinks: 16, bound: 1 },
  { maxSubflows: 4, uplinks: 8, bound: 1 },
  { maxSubflows: undefined, uplinks: 1, bound: 1 },
])(
  'each of $uplinks uplinks has at most $bound of $maxSubflows subflows',
  ({ maxSubflows, uplinks, bound }) => {
    expect(subflowBound(maxSubflows, uplinks)).toBe(bound);
  },
);
