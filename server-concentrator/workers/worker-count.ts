import { availableParallelism } from 'node:os';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';

/** How many processes serve clients. */
export function workerCount(workers: ConcentratorConfig['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers;
}
