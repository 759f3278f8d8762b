import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { processCount, workerCount } from '../../../server-concentrator/workers/worker-count.ts';

const CORES = availableParallelism();

it.each([
  [1, 1, 1],
  [2, 2, 3],
  [64, 64, 65],
  ['auto', CORES, CORES > 1 ? CORES + 1 : 1],
] as const)('of %s are %i that serve clients, and %i in all', (workers, serving, all) => {
  expect(workerCount(workers)).toBe(serving);
  expect(processCount(workers)).toBe(all);
});
