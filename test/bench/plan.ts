import type { Contestant, ContestantKind } from './contestants/contestant.ts';
import { isWanted } from './contestants/names.ts';
import type { Scenario } from './scenarios.ts';
import type { Workload, WorkloadName } from './workloads/workload.ts';

/** Congestion control of all hosts. */
export type Hosts = 'cubic' | 'bbr';

/** Every scenario with every suitable workload, kind of hosts and contestant. */
export interface Portion {
  readonly scenarios: readonly Scenario[];
  readonly workloads: readonly Workload[];
  readonly hosts: readonly Hosts[];
  /** Names of contestants or of their kinds; all unless told. */
  readonly contestants?: readonly string[];
  /** Length of bulk transfers without a fault; by default it depends on the scenario. */
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

/** For the bed, the programs, and the queues to run empty in between; measured. */
const GROUP_OVERHEAD_MS = 2_500;
const RUN_OVERHEAD_MS = 800;

/**
 * All that is to be measured. Contestants alternate within a repetition, in the opposite order in every second one, so that a
 * drift of the machine favours none of them. Repetitions come last: a run that is interrupted has complete rounds.
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

/** `items` in their order in odd repetitions, and in the opposite order in even ones. */
export function inTurn<T>(items: readonly T[], repetition: number): T[] {
  return repetition % 2 === 1 ? [...items] : [...items].reverse();
}

function round(portion: Portion, repetition: number, kinds: readonly ContestantKind[]): Group[] {
  const { scenarios, workloads, hosts: allHosts, contestants: wanted, seconds } = portion;
  const groups: Group[] = [];
  for (const scenario of scenarios) {
    const suitable = workloads.filter(({ name }) => isSuitable(name, scenario));
    if (suitable.length === 0) continue;
    // A fault leaves the network changed: each transfer gets its own.
    const together = scenario.fault ? suitable.map((workload) => [workload]) : [suitable];
    for (const hosts of allHosts) {
      const contestants = kinds
        .flatMap((kind) => kind.of(scenario, hosts))
        .filter(({ name, uplink }) => (!uplink || survivesAlone(scenario)) && isWanted(name, wanted));
      for (const workloads of together)
        for (const contestant of inTurn(contestants, repetition))
          groups.push({
            ...{ repetition, scenario, hosts, contestant, workloads },
            ...(seconds === undefined ? {} : { seconds }),
          });
    }
  }
  return groups;
}

function isSuitable(name: WorkloadName, { fault, workloads }: Scenario): boolean {
  return workloads?.includes(name) ?? (fault === undefined || name.startsWith('bulk'));
}

/** A contestant with one uplink cannot survive the fault of that uplink, unless the fault only pauses it. */
function survivesAlone({ fault }: Scenario): boolean {
  return fault === undefined || fault.leavesUplinks === true;
}

/** About how long a group takes. */
export function expectedMs({ workloads, scenario, seconds }: Group): number {
  return workloads.reduce(
    (sum, workload) => sum + RUN_OVERHEAD_MS + workload.expectedMs(scenario, seconds),
    GROUP_OVERHEAD_MS,
  );
}
