import type { ClientJob } from '../../lab/agent/job.ts';
import type { Scenario } from '../scenarios.ts';

/** What applications do, and about how long it takes. */
export interface Workload {
  readonly name: WorkloadName;
  readonly title: string;
  task(scenario: Scenario, seconds: number | undefined): ClientJob['task'];
  /** With the task's own work at about the speed of the network; for estimates and limits. */
  expectedMs(scenario: Scenario, seconds: number | undefined): number;
}

export const WORKLOAD_NAMES = [
  'fetch-10k',
  'fetch-1m',
  'page',
  'echo',
  'bulk-down',
  'bulk-up',
  'beside-bulk',
  'duplex',
  'many',
  'many-beside-bulk',
  'opens-beside-bulk',
] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];
