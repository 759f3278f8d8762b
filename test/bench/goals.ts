import { FAULTS } from './faults.ts';
import type { Hosts } from './plan.ts';
import { NETWORKS } from './scenarios.ts';
import type { Place, Summary } from './summary.ts';
import type { WorkloadName } from './workloads/workload.ts';

/** A goal at one place, and whether it is met. */
export interface Judgement {
  readonly goal: string;
  readonly where: string;
  readonly value: number;
  /** What the value is compared with. */
  readonly bound: number;
  readonly isMet: boolean;
}

/** Something to reach at every place where it was measured. */
export interface Goal {
  readonly name: string;
  /** Whether values are to reach the bound or to stay below it. */
  readonly isMore: boolean;
  judge(summary: Summary): Judgement[];
}

/** A value and its bound; undefined where it was not measured. */
interface Case {
  readonly where: string;
  readonly value: number | undefined;
  readonly bound: number | undefined;
}

const OURS = 'tributary';
const KERNEL = 'kernel-mptcp';
const BULK: readonly WorkloadName[] = ['bulk-down', 'bulk-up'];
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
  atLeast("bulk on BBR hosts: kernel MPTCP's", (summary) =>
    summed(summary, 'bbr').map((place) =>
      held(summary, place, 'overSum', summary.median(place, KERNEL, 'overSum')),
    ),
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
  atLeast('bulk over the best single uplink: 0.98; E5 1, E7 1.5', (summary) =>
    bulk(summary).map((place) => {
      const bound = place.scenario === 'E7' ? 1.5 : place.scenario === 'E5' ? 1 : 0.98;
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
  atLeast('rate over the capacity left, from 1 s after F1, F2, F3 on: 0.9', (summary) =>
    faultPlaces(summary, ['F1', 'F2', 'F3']).map((place) => held(summary, place, 'afterFault', 0.9)),
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
      .filter(isFault)
      .map((place) => ({ where: at(place), value: failures(summary, place), bound: 0 })),
  ),
  atMost('transfers without faults that were reset, late or not exact: 0', (summary) =>
    summary
      .places()
      .filter((place) => !isFault(place))
      .map((place) => ({ where: at(place), value: failures(summary, place), bound: 0 })),
  ),
  atMost('bytes copied on suspicion over all bytes: 0.05', (summary) =>
    summary
      .places()
      .filter(({ workload }) => BULK.includes(workload))
      .map((place) => held(summary, place, 'copyShare', 0.05)),
  ),
];

/** Every goal wherever it was measured. */
export function judge(summary: Summary): Judgement[] {
  return GOALS.flatMap((goal) => goal.judge(summary));
}

function atLeast(name: string, cases: (summary: Summary) => Case[]): Goal {
  return goal(`${name} or more`, true, cases);
}

function atMost(name: string, cases: (summary: Summary) => Case[]): Goal {
  return goal(`${name} or less`, false, cases);
}

function goal(name: string, isMore: boolean, cases: (summary: Summary) => Case[]): Goal {
  return {
    name,
    isMore,
    judge: (summary) =>
      cases(summary).flatMap(({ where, value, bound }) => {
        if (value === undefined || bound === undefined) return [];
        return [{ goal: name, where, value, bound, isMet: isMore ? value >= bound : value <= bound }];
      }),
  };
}

/** Our median of a figure against a bound. */
function held(
  summary: Summary,
  place: Place,
  figure: Parameters<Summary['median']>[2],
  bound?: number,
): Case {
  return { where: at(place), value: summary.median(place, OURS, figure), bound };
}

function over(value: number | undefined, other: number | undefined): number | undefined {
  return value === undefined || !other ? undefined : value / other;
}

/** Of plain TCP on each uplink by itself, taken together; undefined where it did not run on each. */
function plainTcp(
  summary: Summary,
  place: Place,
  figure: Parameters<Summary['median']>[2],
  together: (values: readonly number[]) => number,
): number | undefined {
  const uplinks = FAULTS.find(({ id }) => id === place.scenario)?.uplinks ?? [];
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

function bulk(summary: Summary): Place[] {
  return placesOf(summary, BULK);
}

function placesOf(summary: Summary, workloads: readonly WorkloadName[]): Place[] {
  return summary.places().filter((place) => !isFault(place) && workloads.includes(place.workload));
}

function faultPlaces(summary: Summary, families: readonly string[]): Place[] {
  return summary.places().filter(({ scenario }) => families.includes(scenario.split('/')[0]!));
}

function gapPlaces(summary: Summary): Place[] {
  return faultPlaces(summary, ['F1', 'F2']).filter(({ scenario }) =>
    GAPS_IN.includes(scenario.split('/')[1]!),
  );
}

function isFault({ scenario }: Place): boolean {
  return scenario.startsWith('F');
}

function isLossy(scenario: string): boolean {
  return uplinksOf(scenario).some(({ lossPercent }) => (lossPercent ?? 0) >= LOSSY_PERCENT);
}

function bestRttMs(scenario: string): number {
  return Math.min(...uplinksOf(scenario).map(({ rttMs }) => rttMs));
}

function uplinksOf(scenario: string) {
  return NETWORKS.find(({ id }) => id === scenario)?.uplinks ?? [];
}

function at({ scenario, hosts, workload }: Place): string {
  return `${scenario} ${hosts} ${workload}`;
}
