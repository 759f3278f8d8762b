import { capacity } from '../fault-script.ts';
import type { Scenario } from '../scenarios.ts';
import type { Workload } from './workload.ts';

const SMALL_BYTES = 10_000;
const SMALL_COUNT = 25;
/** Like the pause between a person's clicks, but shorter. */
const SMALL_PAUSE_MS = 50;
const LARGE_BYTES = 1_000_000;
const LARGE_COUNT = 5;
const MANY_COUNT = 64;
const MANY_BESIDE_COUNT = 200;
const MANY_BESIDE_LANES = 8;
const OPENS_PER_SECOND = 30;
const OPENS_COUNT = 150;
/** Over links that change, fetches are spread over some of the changes. */
const CHANGING_PAUSE_MS = 350;
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
  task: (scenario) => ({
    kind: 'fetch',
    sizes: Array(SMALL_COUNT).fill(SMALL_BYTES),
    parallel: 1,
    pauseMs: besidePauseMs(scenario),
    besideBulkAfterMs: BESIDE_AFTER_MS,
  }),
  expectedMs: (scenario) =>
    BESIDE_AFTER_MS + SMALL_COUNT * (besidePauseMs(scenario) + 6 * bestRttMs(scenario)),
};

/** All at once: the links are shared by many connections, none of which fills them. */
export const fetchMany: Workload = {
  name: 'many',
  title: `${MANY_COUNT} downloads of 1 MB at once`,
  task: () => ({
    kind: 'fetch',
    sizes: Array(MANY_COUNT).fill(LARGE_BYTES),
    parallel: MANY_COUNT,
    pauseMs: 0,
  }),
  expectedMs: (scenario) =>
    6 * bestRttMs(scenario) + (MANY_COUNT * LARGE_BYTES) / (capacity(scenario, 'down') * 125),
};

export const manyBesideBulk: Workload = {
  name: 'many-beside-bulk',
  title: `${MANY_BESIDE_COUNT} times 10 kB, ${MANY_BESIDE_LANES} at a time, beside a bulk download`,
  task: () => ({
    kind: 'fetch',
    sizes: Array(MANY_BESIDE_COUNT).fill(SMALL_BYTES),
    parallel: MANY_BESIDE_LANES,
    pauseMs: SMALL_PAUSE_MS,
    besideBulkAfterMs: BESIDE_AFTER_MS,
  }),
  expectedMs: (scenario) =>
    BESIDE_AFTER_MS + (MANY_BESIDE_COUNT / MANY_BESIDE_LANES) * (SMALL_PAUSE_MS + 4 * bestRttMs(scenario)),
};

/** Begun at even times, however late the ones before are. */
export const opensBesideBulk: Workload = {
  name: 'opens-beside-bulk',
  title: `10 kB on ${OPENS_PER_SECOND} fresh connections a second beside a bulk download`,
  task: () => ({
    kind: 'fetch',
    sizes: Array(OPENS_COUNT).fill(SMALL_BYTES),
    parallel: OPENS_COUNT,
    startEveryMs: 1000 / OPENS_PER_SECOND,
    pauseMs: 0,
    besideBulkAfterMs: BESIDE_AFTER_MS,
  }),
  expectedMs: (scenario) =>
    BESIDE_AFTER_MS + (OPENS_COUNT * 1000) / OPENS_PER_SECOND + 4 * bestRttMs(scenario),
};

function besidePauseMs({ fault }: Scenario): number {
  return fault === undefined ? SMALL_PAUSE_MS : CHANGING_PAUSE_MS;
}

function bestRttMs(scenario: Scenario): number {
  return Math.min(...scenario.uplinks.map(({ rttMs }) => rttMs));
}
