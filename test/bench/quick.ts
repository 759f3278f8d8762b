/** A part of what can be measured, as the command line names it: names with commas between them. What is absent stands for all. */
export interface Selection {
  readonly scenarios?: string | undefined;
  readonly workloads?: string | undefined;
  readonly hosts?: string | undefined;
  readonly contestants?: readonly string[] | undefined;
  /** Length of bulk transfers without a fault. */
  readonly seconds?: number;
}

const BULK = 'bulk-down,bulk-up';
const US_AND_KERNEL = ['tributary', 'kernel-mptcp'];
/** What meets every goal once, in about a quarter of an hour. */
export const QUICK: readonly Selection[] = [
  {
    scenarios: 'E1,E8',
    hosts: 'bbr',
    workloads: `fetch-10k,page,${BULK},beside-bulk`,
    contestants: US_AND_KERNEL,
  },
  { scenarios: 'E4,E6', hosts: 'bbr', workloads: BULK, contestants: US_AND_KERNEL },
  { scenarios: 'E1,E4,E6,E8', hosts: 'cubic', workloads: 'bulk-down', contestants: US_AND_KERNEL },
  { scenarios: 'E8', hosts: 'cubic', workloads: 'bulk-down', contestants: ['tributary-cubic'] },
  { scenarios: 'E2,E3,E5,E7,E9', hosts: 'bbr', workloads: BULK, contestants: ['tributary', 'c-socks'] },
  // Only the single uplinks that can be the best of their network.
  {
    scenarios: 'E1,E2,E3,E4,E5,E8,E9',
    hosts: 'bbr',
    workloads: BULK,
    contestants: ['a', 'wifi', 'fiber', 'good', 'lte-a', 'only'].map((name) => `single:${name}`),
  },
  { scenarios: 'E6', hosts: 'bbr', workloads: BULK, contestants: ['single:lte'] },
  { scenarios: 'E7', hosts: 'bbr', workloads: BULK, contestants: ['single:dsl', 'single:satellite'] },
  { scenarios: 'F1/E1/a,F3/E6', hosts: 'bbr', workloads: 'bulk-down', contestants: US_AND_KERNEL },
  {
    scenarios: 'F1/E6,F2/E1/a,F2/E6,F3/E1,F4,F5',
    hosts: 'bbr',
    workloads: 'bulk-down',
    contestants: ['tributary'],
  },
  { scenarios: 'F6/one', hosts: 'bbr', workloads: 'bulk-down', contestants: ['tributary', 'single:radio-a'] },
];

/** What tells two versions apart, in a few minutes for each repetition; the contestants are named on the command line. */
export const QUICK_COMPARISON: readonly Selection[] = [
  { scenarios: 'E1', hosts: 'bbr', workloads: `fetch-10k,page,${BULK}` },
  { scenarios: 'E6,E8', hosts: 'bbr', workloads: BULK },
  { scenarios: 'F1/E1', hosts: 'bbr', workloads: 'bulk-down' },
];
