import type { Contestant, ContestantKind } from './contestants/contestant.ts';
import type { Scenario } from './scenarios.ts';
import type { Workload } from './workloads/workload.ts';

/** Congestion control of all hosts. */
export type Hosts = 'cubic' | 'bbr';

/** Everything in it with everything else in it. */
export interface Portion {
  readonly scenarios: readonly Scenario[];
  readonly workloads: readonly Workload[];
  readonly hosts: readonly Hosts[];
  /** Names of contestants or of their kinds; all unless told. */
  readonly contestants?: readonly string[];
  /** Of bulk transfers without a fault; by scenario unless told. */
  readonly seconds?: number;
}

/** Workloads that run one after the other in one bed. */
export interface Group {
  readonly repetition: number;
  readonly scenario: Scenario;
  readonly hosts: Hosts;
  readonly contestant: Contestant;
  readonly workloads: readonly Workload[];
  readonly seconds?: number;
}

/** Bed, programs, and the queues running empty in between: measured. */
const GROUP_OVERHEAD_MS = 2_500;
const RUN_OVERHEAD_MS = 800;

/**
 * All that is to be measured. Contestants alternate within a repetition, and repetitions come last, so that what the machine
 * does meanwhile meets all alike, and a run that is interrupted has complete rounds.
 */
export function plan(
  portions: readonly Portion[],
  repetitions: number,
  kinds: readonly ContestantKind[],
): Group[] {
  const groups: Group[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition++)
    for (const portion of portions) groups.push(...round(portion, repetition, kinds));
  return groups;
}

/** Whether a contestant, or a kind of them, is among those asked for. */
export function isWanted(name: string, wanted: readonly string[] | undefined): boolean {
  return (
    wanted?.some((one) => one === name || name.startsWith(`${one}:`) || one.startsWith(`${name}:`)) ?? true
  );
}

function round(portion: Portion, repetition: number, kinds: readonly ContestantKind[]): Group[] {
  const { scenarios, workloads, hosts: allHosts, contestants, seconds } = portion;
  const groups: Group[] = [];
  for (const scenario of scenarios) {
    const suitable = workloads.filter(({ name }) => !scenario.fault || name.startsWith('bulk'));
    if (suitable.length === 0) continue;
    for (const hosts of allHosts) {
      for (const contestant of kinds.flatMap((kind) => kind.of(scenario, hosts))) {
        // One uplink cannot outlive its own fault.
        if ((scenario.fault && contestant.uplink) || !isWanted(contestant.name, contestants)) continue;
        const base = {
          ...{ repetition, scenario, hosts, contestant },
          ...(seconds === undefined ? {} : { seconds }),
        };
        // A fault leaves the network changed: each transfer gets its own.
        if (scenario.fault) groups.push(...suitable.map((workload) => ({ ...base, workloads: [workload] })));
        else groups.push({ ...base, workloads: suitable });
      }
    }
  }
  return groups;
}

/** About how long a group takes. */
export function expectedMs({ workloads, scenario, seconds }: Group): number {
  return workloads.reduce(
    (sum, workload) => sum + RUN_OVERHEAD_MS + workload.expectedMs(scenario, seconds),
    GROUP_OVERHEAD_MS,
  );
}
