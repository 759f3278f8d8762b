import type { Direction } from '../../bed/emulator.ts';
import { capacity } from '../faults.ts';
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
      if ('ms' in transfer) return transfer.ms;
      const lastStepMs = Math.max(0, ...(scenario.fault?.steps.map(({ atMs }) => atMs) ?? []));
      return lastStepMs + transfer.bytes / (capacity(scenario, direction) * 125);
    },
  };
}

function length(scenario: Scenario, seconds: number | undefined): { ms: number } | { bytes: number } {
  // Faults have their own times.
  if (scenario.fault) return scenario.fault.transfer;
  if (seconds !== undefined) return { ms: seconds * 1000 };
  const slowestMs = Math.max(...scenario.uplinks.map(({ rttMs }) => rttMs));
  return { ms: MEASURED_MS + MEASURED_ROUND_TRIPS * slowestMs };
}
