import { NETWORKS } from './scenarios.ts';
import { median } from './statistics.ts';
import type { Place, Summary } from './summary.ts';
import type { WorkloadName } from './workloads/workload.ts';

/** A goal at one place, and whether it is met. */
export interface Judgement {
  readonly goal: string;
  readonly where: string;
  readonly value: number;
  /** What the value is held against. */
  readonly bound: number;
  readonly isMet: boolean;
}

const OURS = 'tributary';
const KERNEL = 'kernel-mptcp';
const BULK: readonly WorkloadName[] = ['bulk-down', 'bulk-up'];

/** Every goal for which something was measured. */
export function judge(summary: Summary): Judgement[] {
  return [
    ...sums(summary),
    ...overBestSingle(summary),
    ...shortTransfers(summary),
    ...faults(summary),
    ...copies(summary),
  ];
}

function sums(summary: Summary): Judgement[] {
  const found: Judgement[] = [];
  const bulk = placesOf(summary, BULK);
  for (const place of bulk.filter(({ scenario }) => ['E1', 'E4', 'E6', 'E8'].includes(scenario))) {
    const ours = summary.median(place, OURS, 'overSum');
    const kernel = summary.median(place, KERNEL, 'overSum');
    if (place.hosts === 'bbr') {
      found.push(...atLeast('goodput over the sum of rates, BBR', place, ours, 0.93));
      found.push(...atLeast("goodput over the sum not below kernel MPTCP's, BBR", place, ours, kernel));
    } else if (!isLossy(place.scenario))
      found.push(...atLeast('goodput over the sum of rates, CUBIC', place, ours, 0.85));
  }
  for (const place of bulk.filter(({ scenario, hosts }) => hosts === 'cubic' && isLossy(scenario))) {
    const kernel = summary.median(place, KERNEL, 'overSum');
    found.push(
      ...atLeast(
        "goodput at least twice kernel MPTCP's on lossy links, CUBIC",
        place,
        summary.median(place, OURS, 'overSum'),
        kernel && 2 * kernel,
      ),
    );
  }
  return found;
}

function overBestSingle(summary: Summary): Judgement[] {
  const found: Judgement[] = [];
  for (const place of placesOf(summary, BULK)) {
    const ours = summary.median(place, OURS, 'overSum');
    const best = summary.bestSingle(place)?.value;
    const bound = place.scenario === 'E7' ? 1.5 : place.scenario === 'E5' ? 1 : 0.98;
    found.push(...atLeast('goodput over the best single uplink', place, ours && best && ours / best, bound));
    const plain = summary.median(place, 'c-socks', 'overSum');
    found.push(
      ...atLeast('goodput over plain TCP to a SOCKS proxy in C', place, ours && plain && ours / plain, 0.97),
    );
  }
  return found;
}

function shortTransfers(summary: Summary): Judgement[] {
  const found: Judgement[] = [];
  for (const place of placesOf(summary, ['fetch-10k'])) {
    const ours = summary.median(place, OURS, 'p50Ms');
    const network = NETWORKS.find(({ id }) => id === place.scenario);
    const bestRttMs = Math.min(...(network?.uplinks.map(({ rttMs }) => rttMs) ?? []));
    found.push(
      ...atMost('10 kB within 1.3 x best RTT + 5 ms (median, ms)', place, ours, 1.3 * bestRttMs + 5),
    );
    found.push(
      ...atMost(
        '10 kB sooner than kernel MPTCP (median, ms)',
        place,
        ours,
        summary.median(place, KERNEL, 'p50Ms'),
      ),
    );
  }
  for (const place of placesOf(summary, ['beside-bulk'])) {
    const idle = summary.median({ ...place, workload: 'fetch-10k' }, OURS, 'p50Ms');
    const ours = summary.median(place, OURS, 'p95Ms');
    found.push(
      ...atMost('10 kB beside bulk: p95 over the idle median', place, ours && idle && ours / idle, 3),
    );
  }
  for (const place of placesOf(summary, ['page'])) {
    const ours = summary.median(place, OURS, 'totalMs');
    const kernel = summary.median(place, KERNEL, 'totalMs');
    found.push(...atMost("page: time over kernel MPTCP's", place, ours && kernel && ours / kernel, 0.6));
  }
  return found;
}

function faults(summary: Summary): Judgement[] {
  const found: Judgement[] = [];
  const runs = summary.records.filter(({ contestant }) => contestant === OURS);
  for (const family of ['F1', 'F2']) {
    for (const hosts of ['bbr', 'cubic'] as const) {
      const gaps = runs
        .filter((run) => run.scenario.startsWith(`${family}/`) && run.hosts === hosts)
        .flatMap(({ figures }) => figures.longestGapMs ?? []);
      if (gaps.length === 0) continue;
      const where = `${family} ${hosts}`;
      found.push(judgement('longest gap, median (ms)', where, median(gaps), 250, median(gaps) <= 250));
      const worst = Math.max(...gaps);
      found.push(judgement('longest gap, worst (ms)', where, worst, 400, worst <= 400));
    }
  }
  for (const place of summary.places()) {
    const family = place.scenario.split('/')[0]!;
    const after = summary.median(place, OURS, 'afterFault');
    if (['F1', 'F2', 'F3'].includes(family))
      found.push(...atLeast('rate over the capacity left, from 1 s after the fault', place, after, 0.9));
    if (family === 'F4') found.push(...atLeast('goodput over what pauses leave', place, after, 0.8));
    if (family.startsWith('F')) {
      const failures = summary.at(place, OURS).reduce((sum, { figures }) => sum + figures.failures, 0);
      if (summary.at(place, OURS).length > 0)
        found.push(
          judgement('transfers reset, stalled or not exact', at(place), failures, 0, failures === 0),
        );
    }
  }
  return found;
}

function copies(summary: Summary): Judgement[] {
  return placesOf(summary, BULK).flatMap((place) =>
    atMost('bytes copied on suspicion, share', place, summary.median(place, OURS, 'copyShare'), 0.05),
  );
}

function placesOf(summary: Summary, workloads: readonly WorkloadName[]): Place[] {
  return summary
    .places()
    .filter(({ scenario, workload }) => !scenario.startsWith('F') && workloads.includes(workload));
}

function isLossy(scenario: string): boolean {
  const network = NETWORKS.find(({ id }) => id === scenario);
  return network?.uplinks.some(({ lossPercent }) => (lossPercent ?? 0) > 0) ?? false;
}

function atLeast(goal: string, place: Place, value?: number, bound?: number): Judgement[] {
  if (value === undefined || bound === undefined) return [];
  return [judgement(goal, at(place), value, bound, value >= bound)];
}

function atMost(goal: string, place: Place, value?: number, bound?: number): Judgement[] {
  if (value === undefined || bound === undefined) return [];
  return [judgement(goal, at(place), value, bound, value <= bound)];
}

function judgement(goal: string, where: string, value: number, bound: number, isMet: boolean): Judgement {
  return { goal, where, value, bound, isMet };
}

function at({ scenario, hosts, workload }: Place): string {
  return `${scenario} ${hosts} ${workload}`;
}
