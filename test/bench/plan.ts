import type { Contestant, ContestantKind } from './contestants/contestant.ts';
import type { BenchOptions } from './options.ts';
import type { Scenario } from './scenarios.ts';
import type { Workload } from './workloads/workload.ts';

/** Congestion control of all hosts. */
export type Hosts = 'cubic' | 'bbr';

/** Workloads that run one after the other in one bed. */
export interface Group {
  readonly repetition: number;
  readonly scenario: Scenario;
  readonly hosts: Hosts;
  readonly contestant: Contestant;
  readonly workloads: readonly Workload[];
}

/** Bed, programs, and the queues running empty in between: measured. */
const GROUP_OVERHEAD_MS = 2_500;
const RUN_OVERHEAD_MS = 800;

/**
 * All that is to be measured. Contestants alternate within a repetition, and repetitions come last, so that what the machine
 * does meanwhile meets all alike, and a run that is interrupted has complete rounds.
 */
export function plan(
  options: BenchOptions,
  scenarios: readonly Scenario[],
  workloads: readonly Workload[],
  kinds: readonly ContestantKind[],
): Group[] {
  const groups: Group[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const scenario of scenarios) {
      const suitable = workloads.filter(({ name }) => !scenario.fault || name.startsWith('bulk'));
      if (suitable.length === 0) continue;
      for (const hosts of options.hosts) {
        for (const contestant of kinds.flatMap((kind) => kind.of(scenario))) {
          // One uplink cannot outlive its own fault.
          if (scenario.fault && contestant.uplink) continue;
          const base = { repetition, scenario, hosts, contestant };
          // A fault leaves the network changed: each transfer gets its own.
          if (scenario.fault)
            groups.push(...suitable.map((workload) => ({ ...base, workloads: [workload] })));
          else groups.push({ ...base, workloads: suitable });
        }
      }
    }
  }
  return groups;
}

/** About how long a group takes. */
export function expectedMs(group: Group, seconds: number | undefined): number {
  return group.workloads.reduce(
    (sum, workload) => sum + RUN_OVERHEAD_MS + workload.expectedMs(group.scenario, seconds),
    GROUP_OVERHEAD_MS,
  );
}
