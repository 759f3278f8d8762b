import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import {
  processCount,
  workerCount,
  workersAdvice,
} from '../../../server-concentrator/workers/worker-count.ts';

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

const MIB = 1024 ** 2;

it.each<[number, number, number, RegExp[]]>([
  [2, 512, 2, []],
  [8, 512, 8, []],
  [3, 512, 2, [/^3 workers on 2 processors/]],
  [64, 512, 2, [/^64 workers on 2 processors/, /should be 1024MiB or more/]],
  [4, 60, 4, [/^each of 4 workers has little .* should be 64MiB/]],
])('advises about %i workers with %i MiB on %i processors', (count, mebibytes, processors, advice) => {
  const told = workersAdvice(count, { memoryTotalBytes: mebibytes * MIB }, processors);
  expect(told).toEqual(advice.map((text) => expect.stringMatching(text)));
});
