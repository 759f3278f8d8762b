import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import { LOOP_DELAY_NAMES } from './loop-delay-metrics.ts';

/** The longest period that the sampling of the event loop takes, 24 days: `ProcessWatch` measures its delays. */
const NEVER_MS = 2 ** 31 - 1;

/** Registers `tributary_build_info` (always 1, the facts are its labels) and the process's own metrics. */
export function registerBuildInfo(
  registry: Registry,
  { version, nodeVersion }: { readonly version: string; readonly nodeVersion: string },
): void {
  new Gauge({
    name: 'tributary_build_info',
    help: 'Constant 1, labelled with the version of this program and of Node.js',
    labelNames: ['version', 'node_version'],
    aggregator: 'first',
    registers: [registry],
  }).set({ version, node_version: nodeVersion }, 1);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const name of LOOP_DELAY_NAMES) registry.removeSingleMetric(name);
}
