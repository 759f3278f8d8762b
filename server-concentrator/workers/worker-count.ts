import { availableParallelism } from 'node:os';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';

/** How many processes serve clients. */
export function workerCount(workers: ConcentratorConfig['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** All processes: several have a first one that accepts connections for them. */
export function processCount(workers: ConcentratorConfig['workers']): number {
  const count = workerCount(workers);
  return count > 1 ? count + 1 : 1;
}
