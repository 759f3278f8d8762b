import type { Direction } from '../../bed/emulator.ts';
import { capacity } from '../fault-script.ts';
import type { Scenario } from '../scenarios.ts';
import type { Workload } from './workload.ts';

/** Left out of the steady rate: slow start, and growing windows. */
export const WARM_UP_MS = 2_000;
const MEASURED_MS = 8_000;
/** Satellites need some round trips to come to speed. */
const MEASURED_ROUND_TRIPS = 10;

export const bulkDown = bulk('down');
export const bulkUp = bulk('up');

function bulk(direction: Direction): Workload {
  return {
    name: direction === 'down' ? 'bulk-down' : 'bulk-up',
    title: `bulk ${direction === 'down' ? 'download' : 'upload'}`,
    task: (scenario, seconds) => ({ kind: 'bulk', direction, ...length(scenario, seconds) }),
    expectedMs(scenario, seconds) {
      const transfer = length(scenario, seconds);
      const beforeMs = scenario.fault?.before?.ms ?? 0;
      if ('ms' in transfer) return beforeMs + transfer.ms;
      const lastStepMs = Math.max(0, ...(scenario.fault?.steps.map(({ atMs }) => atMs) ?? []));
      return beforeMs + lastStepMs + transfer.bytes / (capacity(scenario, direction) * 125);
    },
  };
}

function length(scenario: Scenario, seconds: number | undefined): { ms: number } | { bytes: number } {
  // Faults have their own times.
  return scenario.fault?.transfer ?? { ms: bulkMs(scenario, seconds) };
}

/** Length of a bulk transfer without a fault: `seconds`, or what its network asks for. */
export function bulkMs({ uplinks }: Scenario, seconds: number | undefined): number {
  if (seconds !== undefined) return seconds * 1000;
  return MEASURED_MS + MEASURED_ROUND_TRIPS * Math.max(...uplinks.map(({ rttMs }) => rttMs));
}
