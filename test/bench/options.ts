import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import type { Hosts } from './plan.ts';
import { NETWORKS, type Scenario } from './scenarios.ts';
import { WORKLOADS } from './workloads/all.ts';
import type { Workload } from './workloads/workload.ts';

/** What the command line asks for. */
export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly workloads: readonly Workload[];
  readonly hosts: readonly Hosts[];
  /** Names of contestants or of their kinds. */
  readonly contestants: readonly string[] | undefined;
  readonly repetitions: number;
  /** Of bulk transfers without a fault; by scenario unless told. */
  readonly seconds: number | undefined;
  readonly out: string;
  readonly isList: boolean;
  readonly isLoopback: boolean;
}

export const HELP = `Measures Tributary and its alternatives over emulated links, as root.

  npm run bench                              everything: hours
  npm run bench -- --scenarios E1,E6,F1      networks and faults; F1/E6 for some of the F1
  npm run bench -- --workloads bulk-down     of: ${WORKLOADS.map(({ name }) => name).join(', ')}
  npm run bench -- --hosts cubic             congestion control of all hosts: cubic, bbr
  npm run bench -- --contestants tributary,kernel-mptcp    of: tributary, kernel-mptcp, single, c-socks
  npm run bench -- --repetitions 3           medians are taken over them
  npm run bench -- --seconds 8               of bulk transfers without faults
  npm run bench -- --out bench-results       where JSON and pictures go
  npm run bench -- --list                    says what would be measured, and for how long
  npm run bench -- --loopback                throughput, CPU and connections a second on loopback instead
`;

const MAX_REPETITIONS = 100;
const MAX_SECONDS = 120;
const HOSTS: readonly Hosts[] = ['cubic', 'bbr'];

/** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenarios: { type: 'string' },
      workloads: { type: 'string' },
      hosts: { type: 'string' },
      contestants: { type: 'string' },
      repetitions: { type: 'string', default: '3' },
      seconds: { type: 'string' },
      out: { type: 'string', default: 'bench-results' },
      list: { type: 'boolean', default: false },
      loopback: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const all = [...NETWORKS, ...FAULTS];
  return {
    scenarios: select('scenario', values.scenarios, all, ({ id }) => id),
    workloads: select('workload', values.workloads, WORKLOADS, ({ name }) => name),
    hosts: select('hosts', values.hosts, HOSTS, (name) => name),
    contestants: values.contestants?.split(','),
    repetitions: number('--repetitions', values.repetitions, 1, MAX_REPETITIONS),
    seconds: values.seconds === undefined ? undefined : number('--seconds', values.seconds, 1, MAX_SECONDS),
    out: values.out,
    isList: values.list,
    isLoopback: values.loopback,
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
