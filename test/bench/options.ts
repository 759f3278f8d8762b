import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import type { Hosts, Portion } from './plan.ts';
import { QUICK, type Selection } from './quick.ts';
import { NETWORKS } from './scenarios.ts';
import { WORKLOADS } from './workloads/all.ts';

/** What the command line asks for. */
export interface BenchOptions {
  /** What to measure over emulated links; none: nothing. */
  readonly portions: readonly Portion[];
  /** Whether to measure relays on loopback, after everything else. */
  readonly isLoopback: boolean;
  readonly repetitions: number;
  /** A quarter of an hour in all: the parts of fixed length are shortened, too. */
  readonly isQuick: boolean;
  readonly isLinkCheck: boolean;
  readonly out: string;
  readonly isList: boolean;
}

export const HELP = `Measures Tributary and its alternatives over emulated links, as root.

  npm run bench                              everything, and --loopback: hours, --list says how many
  npm run bench -- --quick                   every goal once, and --loopback: a quarter of an hour
  npm run bench -- --scenarios E1,E6,F1      networks and faults; F1/E6 for some of the F1
  npm run bench -- --workloads bulk-down     of: ${WORKLOADS.map(({ name }) => name).join(', ')}
  npm run bench -- --hosts cubic             congestion control of all hosts: cubic, bbr
  npm run bench -- --contestants tributary,kernel-mptcp
                                             of: tributary, tributary-cubic, kernel-mptcp, single, c-socks;
                                             single:wifi for one of the uplinks
  npm run bench -- --repetitions 3           medians are taken over them; 3 unless told, 1 with --quick
  npm run bench -- --seconds 8               of bulk transfers without faults
  npm run bench -- --no-check                leaves out measuring the emulated links themselves first
  npm run bench -- --out bench-results       where JSON and pictures go
  npm run bench -- --list                    says what would be measured, and for how long
  npm run bench -- --loopback                throughput, CPU and connections a second on loopback only
`;

const MAX_REPETITIONS = 100;
const MAX_SECONDS = 120;
const HOSTS: readonly Hosts[] = ['cubic', 'bbr'];
const CONTESTANTS: readonly string[] = [
  ...['tributary', 'tributary-cubic', 'kernel-mptcp', 'c-socks', 'single'],
  ...new Set(NETWORKS.flatMap(({ uplinks }) => uplinks.map(({ name }) => `single:${name}`))),
];

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenarios: { type: 'string' },
      workloads: { type: 'string' },
      hosts: { type: 'string' },
      contestants: { type: 'string' },
      repetitions: { type: 'string' },
      seconds: { type: 'string' },
      out: { type: 'string', default: 'bench-results' },
      quick: { type: 'boolean', default: false },
      'no-check': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      loopback: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick: isQuick, loopback: isLoopbackOnly } = values;
  const { scenarios, workloads, hosts, contestants } = values;
  const isSubset = [scenarios, workloads, hosts, contestants].some((list) => list !== undefined);
  if (Number(isQuick) + Number(isLoopbackOnly) + Number(isSubset) > 1)
    throw new Error('--quick, --loopback and a choice of what to measure exclude each other');
  const seconds =
    values.seconds === undefined ? {} : { seconds: number('--seconds', values.seconds, 1, MAX_SECONDS) };
  const selections = isLoopbackOnly ? [] : isQuick ? QUICK : [{ scenarios, workloads, hosts, contestants }];
  const repetitions = values.repetitions ?? (isQuick ? '1' : '3');
  return {
    portions: selections.map((selection) => ({ ...portionOf(selection), ...seconds })),
    isLoopback: isLoopbackOnly || !isSubset,
    repetitions: number('--repetitions', repetitions, 1, MAX_REPETITIONS),
    isQuick,
    isLinkCheck: !values['no-check'],
    out: values.out,
    isList: values.list,
  };
}

function portionOf({ scenarios, workloads, hosts, contestants }: Selection): Portion {
  return {
    scenarios: select('scenario', scenarios, [...NETWORKS, ...FAULTS], ({ id }) => id),
    workloads: select('workload', workloads, WORKLOADS, ({ name }) => name),
    hosts: select('hosts', hosts, HOSTS, (name) => name),
    ...(contestants === undefined
      ? {}
      : { contestants: select('contestant', contestants, CONTESTANTS, (name) => name) }),
  };
}

/** Those whose name is in the list, or begins with what is in the list and a slash. */
function select<T>(
  what: string,
  list: string | undefined,
  all: readonly T[],
  nameOf: (one: T) => string,
): T[] {
  if (list === undefined) return [...all];
  const wanted = list.split(',');
  const fits = (name: string, want: string) => name === want || name.startsWith(`${want}/`);
  for (const want of wanted) {
    if (!all.some((one) => fits(nameOf(one), want)))
      throw new Error(`no ${what} "${want}"; there are ${all.map(nameOf).join(', ')}`);
  }
  return all.filter((one) => wanted.some((want) => fits(nameOf(one), want)));
}

function number(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${option} takes a whole number from ${min} to ${max}`);
}
