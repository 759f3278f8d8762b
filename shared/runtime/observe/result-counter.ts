import type { Registry } from 'prom-client';
import type { ResultCounts } from './result-counts.ts';
import { registerCounter } from './scraped-metric.ts';

/** Registers a counter with the one label `result`. */
export function registerResultCounter(
  registry: Registry,
  { name, help }: { readonly name: string; readonly help: string },
  counts: ResultCounts,
): void {
  registerCounter(registry, {
    name,
    help,
    labelNames: ['result'],
    *samples() {
      for (const [result, count] of counts.entries()) yield [{ result }, count];
    },
  });
}
