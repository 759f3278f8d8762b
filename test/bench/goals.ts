import { SCENARIOS } from './all-scenarios.ts';
import {
  at,
  atLeast,
  atMost,
  BULK,
  bulk,
  faultPlaces,
  type Goal,
  held,
  type Judgement,
  KERNEL,
  OURS,
  over,
  placesOf,
} from './goal.ts';
import { HARD_GOALS } from './hard-goals.ts';
import type { Hosts } from './plan.ts';
import { isFault } from './scenarios.ts';
import type { Place, Summary } from './summary.ts';

/** Networks whose links have similar rates, so that their sum can be reached. */
const SUMMED: readonly string[] = ['E1', 'E4', 'E6', 'E8'];
/** Two uplinks without loss: what remains after a fault can carry on at once. */
const GAPS_IN: readonly string[] = ['E1', 'E6'];
/** From this much random loss on, CUBIC falls far behind. */
const LOSSY_PERCENT = 0.5;

/** In the order in which they are reported. */
export const GOALS: readonly Goal[] = [
  atLeast('bulk over the sum of rates, BBR hosts: 0.93', (summary) =>
    summed(summary, 'bbr').map((place) => held(summary, place, 'overSum', 0.93)),
  ),
  atLeast("bulk over kernel MPTCP's: 1, over lossy links 1.02", (summary) =>
    bulk(summary).map((place) => {
      const ours = summary.median(place, OURS, 'overSum');
      const value = over(ours, summary.median(place, KERNEL, 'overSum'));
      return { where: at(place), value, bound: isLossy(place.scenario) ? 1.02 : 1 };
    }),
  ),
  atLeast('bulk over the sum of rates, CUBIC hosts: 0.85', (summary) =>
    summed(summary, 'cubic').map((place) => held(summary, place, 'overSum', 0.85)),
  ),
  atLeast("bulk on CUBIC hosts over lossy links: twice kernel MPTCP's", (summary) =>
    bulk(summary)
      .filter(({ scenario, hosts }) => hosts === 'cubic' && isLossy(scenario))
      .map((place) => {
        const kernel = summary.median(place, KERNEL, 'overSum');
        return held(summary, place, 'overSum', kernel && 2 * kernel);
      }),
  ),
  atLeast('bulk over the best single uplink: 1; E7 1.5, E9 0.98', (summary) =>
    bulk(summary).map((place) => {
      const bound = place.scenario === 'E7' ? 1.5 : place.scenario === 'E9' ? 0.98 : 1;
      const ours = summary.median(place, OURS, 'overSum');
      return { where: at(place), value: over(ours, summary.bestSingle(place)?.value), bound };
    }),
  ),
  atLeast('bulk over plain TCP to a SOCKS server in C: 0.97', (summary) =>
    bulk(summary).map((place) => {
      const ours = summary.median(place, OURS, 'overSum');
      return {
        where: at(place),
        value: over(ours, summary.median(place, 'c-socks', 'overSum')),
        bound: 0.97,
      };
    }),
  ),
  atMost('10 kB, median in ms: 1.3 x RTT of the best uplink + 5', (summary) =>
    placesOf(summary, ['fetch-10k']).map((place) =>
      held(summary, place, 'p50Ms', 1.3 * bestRttMs(place.scenario) + 5),
    ),
  ),
  atMost("10 kB, median in ms: kernel MPTCP's", (summary) =>
    placesOf(summary, ['fetch-10k']).map((place) =>
      held(summary, place, 'p50Ms', summary.median(place, KERNEL, 'p50Ms')),
    ),
  ),
  atMost('10 kB beside bulk, p95 over the median without: 3', (summary) =>
    placesOf(summary, ['beside-bulk']).map((place) => {
      const idle = summary.median({ ...place, workload: 'fetch-10k' }, OURS, 'p50Ms');
      return { where: at(place), value: over(summary.median(place, OURS, 'p95Ms'), idle), bound: 3 };
    }),
  ),
  atMost("page over kernel MPTCP's time: 0.6", (summary) =>
    placesOf(summary, ['page']).map((place) => {
      const ours = summary.median(place, OURS, 'totalMs');
      return { where: at(place), value: over(ours, summary.median(place, KERNEL, 'totalMs')), bound: 0.6 };
    }),
  ),
  atMost('longest gap through F1, F2 in E1, E6, median in ms: 250', (summary) =>
    gapPlaces(summary).map((place) => held(summary, place, 'longestGapMs', 250)),
  ),
  atMost('longest gap through F1, F2 in E1, E6, worst in ms: 400', (summary) =>
    gapPlaces(summary).map((place) => {
      const gaps = summary.at(place, OURS).flatMap(({ figures }) => figures.longestGapMs ?? []);
      return { where: at(place), value: gaps.length > 0 ? Math.max(...gaps) : undefined, bound: 400 };
    }),
  ),
  atLeast('rate over the capacity left, from 1 s after F1, F2, G3 on: 0.9', (summary) =>
    faultPlaces(summary, ['F1', 'F2', 'G3']).map((place) => held(summary, place, 'afterFault', 0.9)),
  ),
  atLeast('goodput over what the pauses of F4 leave: 0.8', (summary) =>
    faultPlaces(summary, ['F4']).map((place) => held(summary, place, 'afterFault', 0.8)),
  ),
  atLeast('goodput through F6 over plain TCP on each of its uplinks: 0.95', (summary) =>
    faultPlaces(summary, ['F6']).map((place) => ({
      where: at(place),
      value: over(summary.median(place, OURS, 'afterFault'), plainTcp(summary, place, 'afterFault', sum)),
      bound: 0.95,
    })),
  ),
  atMost("longest gap through F6 on BBR hosts, median in ms: plain TCP's", (summary) =>
    faultPlaces(summary, ['F6'])
      .filter(({ hosts }) => hosts === 'bbr')
      .map((place) =>
        held(summary, place, 'longestGapMs', plainTcp(summary, place, 'longestGapMs', largest)),
      ),
  ),
  atMost('transfers through faults that were reset, late or not exact: 0', (summary) =>
    summary
      .places()
      .filter(({ scenario }) => isFault(scenario))
      .map((place) => ({ where: at(place), value: failures(summary, place), bound: 0 })),
  ),
  atMost('transfers without faults that were reset, late or not exact: 0', (summary) =>
    summary
      .places()
      .filter(({ scenario }) => !isFault(scenario))
      .map((place) => ({ where: at(place), value: failures(summary, place), bound: 0 })),
  ),
  atMost('bytes copied on suspicion over all bytes: 0.05', (summary) =>
    summary
      .places()
      .filter(({ workload }) => BULK.includes(workload))
      .map((place) => held(summary, place, 'copyShare', 0.05)),
  ),
  ...HARD_GOALS,
];

/** Every goal wherever it was measured. */
export function judge(summary: Summary): Judgement[] {
  return GOALS.flatMap((goal) => goal.judge(summary));
}

/** Of plain TCP on each uplink by itself, taken together; undefined where it did not run on each. */
function plainTcp(
  summary: Summary,
  place: Place,
  figure: Parameters<Summary['median']>[2],
  together: (values: readonly number[]) => number,
): number | undefined {
  const uplinks = uplinksOf(place.scenario);
  const values = uplinks.flatMap(({ name }) => summary.median(place, `single:${name}`, figure) ?? []);
  return values.length > 0 && values.length === uplinks.length ? together(values) : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function largest(values: readonly number[]): number {
  return Math.max(...values);
}

/** Number of failed transfers; undefined where Tributary did not run. */
function failures(summary: Summary, place: Place): number | undefined {
  const runs = summary.at(place, OURS);
  return runs.length > 0 ? runs.reduce((sum, { figures }) => sum + figures.failures, 0) : undefined;
}

function summed(summary: Summary, hosts: Hosts): Place[] {
  return bulk(summary).filter((place) => place.hosts === hosts && SUMMED.includes(place.scenario));
}

function gapPlaces(summary: Summary): Place[] {
  return faultPlaces(summary, ['F1', 'F2']).filter(({ scenario }) =>
    GAPS_IN.includes(scenario.split('/')[1]!),
  );
}

function isLossy(scenario: string): boolean {
  return uplinksOf(scenario).some(({ lossPercent }) => (lossPercent ?? 0) >= LOSSY_PERCENT);
}

function bestRttMs(scenario: string): number {
  return Math.min(...uplinksOf(scenario).map(({ rttMs }) => rttMs));
}

function uplinksOf(scenario: string) {
  return SCENARIOS.find(({ id }) => id === scenario)?.uplinks ?? [];
}
