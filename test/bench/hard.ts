import type { Selection } from './quick.ts';

const BULK = 'bulk-down,bulk-up';
const OURS = ['tributary'];
const US_AND_KERNEL = ['tributary', 'kernel-mptcp'];
/** Enough for the figures of networks without long round trips, and short enough for all of them. */
const SECONDS = 5;

/** What meets every goal of the networks, faults and workloads that are hardest to carry once, in about a quarter of an hour. */
export const HARD: readonly Selection[] = [
  {
    scenarios: 'E10,E11,E12,E13',
    hosts: 'bbr',
    workloads: `page,${BULK}`,
    contestants: US_AND_KERNEL,
    seconds: SECONDS,
  },
  {
    scenarios: 'E10,E11,E12,E13',
    hosts: 'cubic',
    workloads: 'bulk-down',
    contestants: US_AND_KERNEL,
    seconds: SECONDS,
  },
  // Only the single uplinks that can be the best of their network.
  {
    scenarios: 'E10,E11,E12,E13',
    hosts: 'bbr',
    workloads: BULK,
    contestants: ['single:fiber', 'single:dsl', 'single:wifi', 'single:near'],
    seconds: SECONDS,
  },
  { scenarios: 'E1,E4,E6', hosts: 'bbr', workloads: 'bulk-down', contestants: OURS, seconds: SECONDS },
  {
    scenarios: 'C1/E1,C1/E6,C1/E11',
    hosts: 'bbr',
    workloads: 'bulk-down',
    contestants: OURS,
    seconds: SECONDS,
  },
  {
    scenarios: 'E1',
    hosts: 'bbr',
    workloads: 'fetch-10k,duplex,many,many-beside-bulk,opens-beside-bulk',
    contestants: OURS,
    seconds: SECONDS,
  },
  { scenarios: 'E6', hosts: 'bbr', workloads: 'duplex,many', contestants: US_AND_KERNEL, seconds: SECONDS },
  { scenarios: 'F3', hosts: 'bbr', workloads: 'bulk-down', contestants: OURS },
  { scenarios: 'F3/E12,F3/E13', hosts: 'cubic', workloads: 'bulk-down', contestants: OURS },
  { scenarios: 'F7/E1', hosts: 'bbr', workloads: 'bulk-down', contestants: OURS },
  { scenarios: 'G1/E1/a-7s', hosts: 'bbr', workloads: 'bulk-down', contestants: US_AND_KERNEL },
  {
    scenarios: 'G1/E1/a-7s-idle,G1/E1/a-30s-idle,G1/E6/lte-12s',
    hosts: 'bbr',
    workloads: 'bulk-down',
    contestants: OURS,
  },
  { scenarios: 'G3/E1/a-up,G3/E1/a-down', hosts: 'bbr', workloads: 'bulk-down', contestants: OURS },
  { scenarios: 'G4/E1', hosts: 'bbr', workloads: 'bulk-down', contestants: US_AND_KERNEL },
  { scenarios: 'G7,G8', hosts: 'bbr', workloads: 'bulk-down,beside-bulk', contestants: OURS },
  {
    scenarios: 'G7,G8',
    hosts: 'bbr',
    workloads: 'beside-bulk',
    contestants: ['single:leo', 'single:dsl'],
  },
];
