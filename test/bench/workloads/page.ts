import { capacity } from '../fault-script.ts';
import type { Workload } from './workload.ts';

const OBJECTS = 60;
const PAGE_BYTES = 1_500_000;
const PARALLEL = 6;
/** Standard deviation of the logarithm of sizes: most objects are small and a few make up the page, as on the web. */
const SIGMA = 1.2;

/** 60 objects of 1.5 MB together on fresh connections, 6 at a time; always the same sizes. */
export const page: Workload = {
  name: 'page',
  title: `page of ${OBJECTS} objects, ${PARALLEL} at a time`,
  task: () => ({ kind: 'fetch', sizes: objectSizes(), parallel: PARALLEL, pauseMs: 0 }),
  expectedMs: (scenario) =>
    (OBJECTS / PARALLEL) * 3 * Math.min(...scenario.uplinks.map(({ rttMs }) => rttMs)) +
    PAGE_BYTES / (capacity(scenario, 'down') * 125),
};

/** Log-normal quantiles in a fixed shuffled order. */
function objectSizes(): number[] {
  // 37 has no factor in common with 60: every place is taken once.
  const places = Array.from({ length: OBJECTS }, (_, i) => (i * 37) % OBJECTS);
  const weights = places.map((place) => Math.exp(SIGMA * normalQuantile((place + 0.5) / OBJECTS)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => Math.max(200, Math.round((weight / sum) * PAGE_BYTES)));
}

/** Approximation of the inverse of the normal distribution (Shore 1982), good to a few percent. */
function normalQuantile(share: number): number {
  const upper = Math.max(share, 1 - share);
  const size = 5.5556 * (1 - ((1 - upper) / upper) ** 0.1186);
  return share < 0.5 ? -size : size;
}
