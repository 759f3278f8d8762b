import type { UplinkSpec } from '../bed/uplink.ts';
import type { Changes } from '../lab/tributary-setup.ts';

/** Unlike each other, and together no more than two cores can carry beside everything else. */
export const UPLINKS: readonly UplinkSpec[] = [
  { name: 'wifi', rateMbps: 30, rttMs: 20, queueMs: 100 },
  { name: 'lte', rateMbps: 20, rttMs: 60, queueMs: 300, jitterMs: 5 },
  { name: 'dsl', rateMbps: 12, rttMs: 35, queueMs: 200, up: { rateMbps: 4 } },
];

/** Direct connections go over this one. */
export const DIRECT_UPLINK = 'wifi';

/** What the ports of the origin mean to the client. The proxy answers for the first one before the origin does. */
export const PORTS = { optimistic: 80, plain: 8080, direct: 81, redundant: 82 } as const;

/** Budgets that the traffic fills now and then. */
const SESSION_MEMORY = '8MiB';
const TOTAL_MEMORY = '24MiB';

/** The client's configuration. */
export const CLIENT: Changes = {
  uplinks: UPLINKS.map(({ name }) => ({ name, interface: name })),
  'memory.perSession': SESSION_MEMORY,
  steering: {
    rules: [
      { port: PORTS.direct, direct: DIRECT_UPLINK },
      { port: PORTS.redundant, mode: 'redundant' },
    ],
  },
};

/** The concentrator's. */
export const CONCENTRATOR: Changes = {
  'limits.memoryPerSession': SESSION_MEMORY,
  'limits.memoryTotal': TOTAL_MEMORY,
};
