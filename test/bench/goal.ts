import type { Figures } from './figures.ts';
import { isFault } from './scenarios.ts';
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

export const OURS = 'tributary';
export const KERNEL = 'kernel-mptcp';
export const BULK: readonly WorkloadName[] = ['bulk-down', 'bulk-up'];

/** A goal whose values are to reach their bounds. */
export function atLeast(name: string, cases: (summary: Summary) => Case[]): Goal {
  return goal(`${name} or more`, true, cases);
}

/** A goal whose values are to stay within their bounds. */
export function atMost(name: string, cases: (summary: Summary) => Case[]): Goal {
  return goal(`${name} or less`, false, cases);
}

/** Our median of a figure against a bound. */
export function held(summary: Summary, place: Place, figure: keyof Figures, bound: number | undefined): Case {
  return { where: at(place), value: summary.median(place, OURS, figure), bound };
}

/** A quotient; undefined where a part of it was not measured. */
export function over(value: number | undefined, other: number | undefined): number | undefined {
  return value === undefined || !other ? undefined : value / other;
}

/** Bulk transfers without faults. */
export function bulk(summary: Summary): Place[] {
  return placesOf(summary, BULK);
}

/** Where these workloads ran without faults. */
export function placesOf(summary: Summary, workloads: readonly WorkloadName[]): Place[] {
  return summary
    .places()
    .filter(({ scenario, workload }) => !isFault(scenario) && workloads.includes(workload));
}

/** Where bulk transfers ran through faults of these families. */
export function faultPlaces(summary: Summary, families: readonly string[]): Place[] {
  return summary
    .places()
    .filter(
      ({ scenario, workload }) => families.includes(scenario.split('/')[0]!) && BULK.includes(workload),
    );
}

/** A place for people. */
export function at({ scenario, hosts, workload }: Place): string {
  return `${scenario} ${hosts} ${workload}`;
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
