import { at, atLeast, atMost, bulk, faultPlaces, type Goal, held, OURS, over, placesOf } from './goal.ts';

/** Longest gap, median in ms, where other uplinks can carry on. */
const GAP_MS = 250;
/** For each of several faults in one transfer: the ends have less time to settle in between. */
const ROW_GAP_MS = 300;
/** Until the sum is used again; it was 0.5 to 1.1 s when the goal was set, and must not get longer. */
const BACK_MS = 1_200;

/** What is asked of the networks, faults and workloads that are hardest to carry. */
export const HARD_GOALS: readonly Goal[] = [
  atLeast('bulk download over the sum of rates in E4: 0.95', (summary) =>
    bulk(summary)
      .filter(({ scenario, workload }) => scenario === 'E4' && workload === 'bulk-down')
      .map((place) => held(summary, place, 'overSum', 0.95)),
  ),
  atMost(`longest gap through F3, G3, median in ms: ${GAP_MS}`, (summary) =>
    faultPlaces(summary, ['F3', 'G3']).map((place) => held(summary, place, 'longestGapMs', GAP_MS)),
  ),
  atLeast('rate over the capacity left, from 1 s after F3 on: 0.95', (summary) =>
    faultPlaces(summary, ['F3']).map((place) => held(summary, place, 'afterFault', 0.95)),
  ),
  atLeast('rate over the capacity left by each of the faults of F7: 0.9', (summary) =>
    faultPlaces(summary, ['F7']).map((place) => held(summary, place, 'afterFault', 0.9)),
  ),
  atMost(`longest gap through F7, median in ms: ${ROW_GAP_MS}`, (summary) =>
    faultPlaces(summary, ['F7']).map((place) => held(summary, place, 'longestGapMs', ROW_GAP_MS)),
  ),
  atMost(`time until the sum is used again after G1, median in ms: ${BACK_MS}`, (summary) =>
    faultPlaces(summary, ['G1']).map((place) => held(summary, place, 'backMs', BACK_MS)),
  ),
  atLeast('goodput over what G4, G7, G8 leave: 0.9', (summary) =>
    faultPlaces(summary, ['G4', 'G7', 'G8']).map((place) => held(summary, place, 'afterFault', 0.9)),
  ),
  atMost("10 kB beside bulk in G7, G8, p95: the best single uplink's own", (summary) =>
    summary
      .places()
      .filter(({ scenario, workload }) => /^G[78]/.test(scenario) && workload === 'beside-bulk')
      .map((place) => held(summary, place, 'p95Ms', summary.bestSingle(place)?.value)),
  ),
  atLeast('bulk beside a busy loop over the same without: 0.98', (summary) =>
    bulk(summary)
      .filter(({ scenario }) => scenario.startsWith('C1'))
      .map((place) => {
        const idle = { ...place, scenario: place.scenario.split('/')[1]! };
        const ours = summary.median(place, OURS, 'overSum');
        return { where: at(place), value: over(ours, summary.median(idle, OURS, 'overSum')), bound: 0.98 };
      }),
  ),
  atLeast('a download beside an upload over its sum of rates: 0.92', (summary) =>
    placesOf(summary, ['duplex']).map((place) => held(summary, place, 'overSum', 0.92)),
  ),
  atLeast('an upload beside a download over its sum of rates: 0.92', (summary) =>
    placesOf(summary, ['duplex']).map((place) => held(summary, place, 'upOverSum', 0.92)),
  ),
  atLeast('64 downloads at once over the sum of rates: 0.9', (summary) =>
    placesOf(summary, ['many']).map((place) => held(summary, place, 'overSum', 0.9)),
  ),
  atMost('many times 10 kB beside bulk, p95 over the median of one without: 3', (summary) =>
    placesOf(summary, ['many-beside-bulk', 'opens-beside-bulk']).map((place) => {
      const idle = summary.median({ ...place, workload: 'fetch-10k' }, OURS, 'p50Ms');
      return { where: at(place), value: over(summary.median(place, OURS, 'p95Ms'), idle), bound: 3 };
    }),
  ),
];
