import type { Figures } from '../figures.ts';
import { isFault } from '../scenarios.ts';
import type { Place, Summary } from '../summary.ts';
import type { WorkloadName } from '../workloads/workload.ts';
import { type ComparedFigure, comparedFigure } from './compared-figure.ts';
import type { ByRepetition } from './paired-ratio.ts';
import { versionPairs } from './versions.ts';

type Column = readonly [figure: keyof Figures, label: string, isMoreBetter: boolean];

const TIMES: readonly Column[] = [
  ['p50Ms', 'median, ms', false],
  ['p95Ms', 'p95, ms', false],
];
const BULK: readonly Column[] = [
  ['overSum', 'goodput over sum', true],
  ['steadyOverSum', 'steady over sum', true],
  ['cpuSecondsPerGb', 'CPU s/GB', false],
];
const THROUGH_FAULT: readonly Column[] = [
  ['longestGapMs', 'longest gap, ms', false],
  ['afterFault', 'rate over what is left', true],
  ['backMs', 'until the sum is used again, ms', false],
];
const COLUMNS: Readonly<Record<WorkloadName, readonly Column[]>> = {
  'bulk-down': BULK,
  'bulk-up': BULK,
  'fetch-10k': TIMES,
  'fetch-1m': TIMES,
  page: [['totalMs', 'whole page, ms', false]],
  echo: TIMES,
  'beside-bulk': TIMES,
  duplex: [
    ['overSum', 'download over sum', true],
    ['upOverSum', 'upload over sum', true],
  ],
  many: [['overSum', 'goodput over sum', true]],
  'many-beside-bulk': TIMES,
  'opens-beside-bulk': TIMES,
};

/** Every figure of every two versions, wherever both were measured. */
export function compare(summary: Summary): ComparedFigure[] {
  const pairs = versionPairs(summary.contestants());
  return pairs.flatMap((pair) =>
    summary
      .places()
      .flatMap((place) =>
        columnsOf(place).flatMap(([key, figure, isMoreBetter]) =>
          comparedFigure(pair, { where: textOf(place), figure, isMoreBetter }, (contestant) =>
            byRepetition(summary, place, contestant, key),
          ),
        ),
      ),
  );
}

function columnsOf({ scenario, workload }: Place): readonly Column[] {
  return isFault(scenario) && workload.startsWith('bulk') ? THROUGH_FAULT : COLUMNS[workload];
}

function textOf({ scenario, hosts, workload }: Place): string {
  return `${scenario} ${hosts} ${workload}`;
}

/** Runs in which something failed say nothing of speed; the report names them. */
function byRepetition(
  summary: Summary,
  place: Place,
  contestant: string,
  figure: keyof Figures,
): ByRepetition {
  const values = new Map<number, number>();
  for (const { repetition, figures } of summary.at(place, contestant)) {
    const value = figures[figure];
    if (value !== undefined && figures.failures === 0) values.set(repetition, value);
  }
  return values;
}
