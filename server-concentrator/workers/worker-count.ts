import { availableParallelism } from 'node:os';
import type { ConcentratorConfig, ConcentratorLimits } from '../config/concentrator-config.ts';

/** What `limits.memoryTotal` is at least: with less a session has windows of a few packets. */
const LEAST_MEMORY_BYTES = 16 * 1024 * 1024;

/** How many processes serve clients. */
export function workerCount(workers: ConcentratorConfig['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** All processes: several have a first one that accepts connections for them. */
export function processCount(workers: ConcentratorConfig['workers']): number {
  const count = workerCount(workers);
  return count > 1 ? count + 1 : 1;
}

/** What is unwise about so many workers, in words. */
export function workersAdvice(
  count: number,
  { memoryTotalBytes }: Pick<ConcentratorLimits, 'memoryTotalBytes'>,
  processors = availableParallelism(),
): readonly string[] {
  const advice: string[] = [];
  if (count > processors)
    advice.push(
      `${count} workers on ${processors} processors: more than ${processors} take memory, and serve no more`,
    );
  if (memoryTotalBytes / count < LEAST_MEMORY_BYTES) {
    const leastMiB = (LEAST_MEMORY_BYTES * count) / 1024 ** 2;
    advice.push(
      `each of ${count} workers has little of limits.memoryTotal: it should be ${leastMiB}MiB or more, or fewer workers`,
    );
  }
  return advice;
}
