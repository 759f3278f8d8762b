import { bulkMs } from './bulk.ts';
import type { Workload } from './workload.ts';

/** Each direction carries the acknowledgements of the other. */
export const duplex: Workload = {
  name: 'duplex',
  title: 'bulk download and bulk upload at once',
  task: (scenario, seconds) => ({ kind: 'duplex', ms: bulkMs(scenario, seconds) }),
  expectedMs: bulkMs,
};
