import { median } from '../lab/statistics.ts';
import type { Figures } from './figures.ts';
import type { Hosts } from './plan.ts';
import type { RunRecord } from './run-group.ts';
import type { WorkloadName } from './workloads/workload.ts';

/** Where a figure is from: everything but the contestant. */
export interface Place {
  readonly scenario: string;
  readonly hosts: Hosts;
  readonly workload: WorkloadName;
}

/** The figure that describes a workload best, and whether more of it is better. */
export interface Headline {
  readonly figure: keyof Figures;
  readonly isMoreBetter: boolean;
}

const RATE: Headline = { figure: 'overSum', isMoreBetter: true };
const HEADLINES: Readonly<Record<WorkloadName, Headline>> = {
  'bulk-down': RATE,
  'bulk-up': RATE,
  'fetch-10k': { figure: 'p50Ms', isMoreBetter: false },
  'fetch-1m': { figure: 'p50Ms', isMoreBetter: false },
  page: { figure: 'totalMs', isMoreBetter: false },
  echo: { figure: 'p95Ms', isMoreBetter: false },
  'beside-bulk': { figure: 'p95Ms', isMoreBetter: false },
  duplex: RATE,
  many: RATE,
  'many-beside-bulk': { figure: 'p95Ms', isMoreBetter: false },
  'opens-beside-bulk': { figure: 'p95Ms', isMoreBetter: false },
};

/** The figure that describes a workload best. */
export function headlineOf(workload: WorkloadName): Headline {
  return HEADLINES[workload];
}

/** All runs, and medians over them. */
export class Summary {
  readonly records: readonly RunRecord[];

  constructor(records: readonly RunRecord[]) {
    this.records = records;
  }

  /** Runs of a contestant at a place. */
  at(place: Place, contestant: string): RunRecord[] {
    return this.records.filter(
      (record) =>
        record.scenario === place.scenario &&
        record.hosts === place.hosts &&
        record.workload === place.workload &&
        record.contestant === contestant,
    );
  }

  /** Median of a figure over a contestant's runs at a place; undefined when there is none. */
  median(place: Place, contestant: string, figure: keyof Figures): number | undefined {
    const values = this.at(place, contestant).flatMap(({ figures }) => figures[figure] ?? []);
    return values.length > 0 ? median(values) : undefined;
  }

  /** The single uplink that does best at a place, by medians. */
  bestSingle(place: Place): { contestant: string; value: number } | undefined {
    const { figure, isMoreBetter } = headlineOf(place.workload);
    const found = this.contestants()
      .filter((name) => name.startsWith('single:'))
      .flatMap((contestant) => {
        const value = this.median(place, contestant, figure);
        return value === undefined ? [] : [{ contestant, value }];
      })
      .sort((a, b) => (isMoreBetter ? b.value - a.value : a.value - b.value));
    return found[0];
  }

  contestants(): string[] {
    return [...new Set(this.records.map(({ contestant }) => contestant))];
  }

  /** Where anything was measured, in the order of measuring. */
  places(): Place[] {
    const seen = new Map<string, Place>();
    for (const { scenario, hosts, workload } of this.records)
      seen.set(`${scenario} ${hosts} ${workload}`, { scenario, hosts, workload });
    return [...seen.values()];
  }
}
