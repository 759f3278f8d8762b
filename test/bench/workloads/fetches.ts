import { capacity } from '../faults.ts';
import type { Scenario } from '../scenarios.ts';
import type { Workload } from './workload.ts';

const SMALL_BYTES = 10_000;
const SMALL_COUNT = 25;
/** Like the pause between a person's clicks, but shorter. */
const SMALL_PAUSE_MS = 50;
const LARGE_BYTES = 1_000_000;
const LARGE_COUNT = 5;
/** The bulk transfer gets this long to fill the queues first. */
const BESIDE_AFTER_MS = 3_000;

/** On fresh connections, one after the other. */
export const fetchSmall: Workload = {
  name: 'fetch-10k',
  title: '10 kB on fresh connections',
  task: () => ({
    kind: 'fetch',
    sizes: Array(SMALL_COUNT).fill(SMALL_BYTES),
    parallel: 1,
    pauseMs: SMALL_PAUSE_MS,
  }),
  expectedMs: (scenario) => SMALL_COUNT * (SMALL_PAUSE_MS + 2 * bestRttMs(scenario)),
};

export const fetchLarge: Workload = {
  name: 'fetch-1m',
  title: '1 MB on fresh connections',
  task: () => ({
    kind: 'fetch',
    sizes: Array(LARGE_COUNT).fill(LARGE_BYTES),
    parallel: 1,
    pauseMs: SMALL_PAUSE_MS,
  }),
  expectedMs: (scenario) =>
    LARGE_COUNT *
    (SMALL_PAUSE_MS + 6 * bestRttMs(scenario) + LARGE_BYTES / (capacity(scenario, 'down') * 125)),
};

export const besideBulk: Workload = {
  name: 'beside-bulk',
  title: '10 kB on fresh connections beside a bulk download',
  task: () => ({
    kind: 'fetch',
    sizes: Array(SMALL_COUNT).fill(SMALL_BYTES),
    parallel: 1,
    pauseMs: SMALL_PAUSE_MS,
    besideBulkAfterMs: BESIDE_AFTER_MS,
  }),
  expectedMs: (scenario) => BESIDE_AFTER_MS + SMALL_COUNT * (SMALL_PAUSE_MS + 6 * bestRttMs(scenario)),
};

function bestRttMs(scenario: Scenario): number {
  return Math.min(...scenario.uplinks.map(({ rttMs }) => rttMs));
}
