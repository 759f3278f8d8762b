import { parseArgs } from 'node:util';
import { SCENARIOS } from './all-scenarios.ts';
import { foldersOf, parseVersion } from './comparison/versions.ts';
import { CONTESTANTS, LOOPBACK_CONTESTANTS, parseContestants } from './contestants/names.ts';
import { CASE_IDS } from './datagrams/cases.ts';
import { HARD } from './hard.ts';
import { type NodeOption, parseNode } from './node-option.ts';
import type { Hosts, Portion } from './plan.ts';
import { QUICK, QUICK_COMPARISON, type Selection } from './quick.ts';
import { parseTuning, type TuningOption } from './tuning-option.ts';
import { WORKLOADS } from './workloads/all.ts';

/** What the command line asks for. */
export interface BenchOptions {
  /** What to measure over emulated links; none: nothing. */
  readonly portions: readonly Portion[];
  /** Whether to measure relays on loopback, after everything else. */
  readonly isLoopback: boolean;
  /** Whether to measure datagrams. */
  readonly isDatagrams: boolean;
  /** Which of their cases; absent: all. */
  readonly datagramCases?: readonly string[];
  /** Contestants that were named; absent: all. */
  readonly contestants?: readonly string[];
  /** Numbers of the core to change. */
  readonly tuning: readonly TuningOption[];
  /** What runs the programs. */
  readonly nodes: readonly NodeOption[];
  readonly repetitions: number;
  /** Also shortens the parts of fixed length. */
  readonly isQuick: boolean;
  readonly isLinkCheck: boolean;
  readonly out: string;
  readonly isList: boolean;
}

/** What `--cases` can name. */
const DATAGRAM_CASES: readonly string[] = [...CASE_IDS, 'quic', 'loopback'];

export const HELP = `Measures Tributary and its alternatives over emulated links, as root.

  npm run bench                              everything over TCP, and --loopback: hours, --list says how many
  npm run bench -- --quick                   every goal once, and --loopback: a quarter of an hour
  npm run bench -- --hard                    what is hardest to carry, once: a quarter of an hour
  npm run bench -- --loopback                throughput, CPU and connections a second on loopback only
  npm run bench -- --datagrams               calls, video, lookups over UDP, once: six minutes

Parts of it:

  --scenarios E1,E6,F1      networks and faults; F1/E6 for some of the F1
  --workloads bulk-down     of: ${WORKLOADS.map(({ name }) => name).join(', ')}
  --hosts cubic             congestion control of all hosts: cubic, bbr
  --contestants tributary,kernel-mptcp
                            of: tributary, tributary-cubic, kernel-mptcp, single, c-socks; single:wifi for one
                            of the uplinks; with --loopback of: ${LOOPBACK_CONTESTANTS.join(', ')}
  --cases pauses,loss       with --datagrams, of: ${DATAGRAM_CASES.join(', ')}
  --repetitions 3           medians are taken over them; 3 unless told, 1 with --quick, --hard and --datagrams
  --seconds 8               of bulk transfers without faults
  --no-check                leaves out measuring the emulated links themselves first
  --out bench-results       where JSON, comparisons and pictures go
  --list                    says what would be measured, and for how long

Two versions against each other, in turn, with the ratio of each figure:

  npm run bench -- --quick --repetitions 3 --contestants tributary,tributary@DIR
                            DIR is another checkout of this project with built programs. The figures that tell
                            versions apart, and --loopback: a quarter of an hour. Without --quick, or with
                            --loopback or a part in its place, that is measured.
  --tuning KEY=VALUE        a number of the core, such as ping.intervalMs=500, for all of Tributary's contestants,
                            or with --tuning tributary@.:KEY=VALUE for those of one checkout. Can be repeated

  --node FILE               the Node.js that runs the programs of all of Tributary's contestants, in place of the one that runs
                            the bench, or with --node tributary@.:FILE those of one checkout. Can be repeated

  npm run bench -- --quick --contestants tributary,tributary@. --tuning tributary:ping.intervalMs=500
                            one number against another, with the same programs
  npm run bench -- --loopback --contestants tributary,tributary@. --node tributary@.:DIR/lib/node
                            one Node.js against another, such as that of a bundle
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
      repetitions: { type: 'string' },
      seconds: { type: 'string' },
      tuning: { type: 'string', multiple: true, default: [] },
      node: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: 'bench-results' },
      quick: { type: 'boolean', default: false },
      'no-check': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      loopback: { type: 'boolean', default: false },
      hard: { type: 'boolean', default: false },
      datagrams: { type: 'boolean', default: false },
      cases: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick: isQuick, hard: isHard, loopback: isLoopbackOnly, scenarios, workloads, hosts } = values;
  const { datagrams: isDatagrams } = values;
  const isPart = [scenarios, workloads, hosts].some((list) => list !== undefined);
  if ([isQuick, isHard, isLoopbackOnly, isDatagrams, isPart].filter(Boolean).length > 1)
    throw new Error(
      '--quick, --hard, --loopback, --datagrams and a choice of scenarios, workloads or hosts exclude each other',
    );
  if (isDatagrams && values.contestants !== undefined)
    throw new Error('--datagrams has its own contestants: --contestants does not go with it');
  if (!isDatagrams && values.cases !== undefined) throw new Error('--cases goes with --datagrams only');
  const contestants =
    values.contestants === undefined
      ? undefined
      : parseContestants(values.contestants, isLoopbackOnly ? LOOPBACK_CONTESTANTS : CONTESTANTS);
  const seconds =
    values.seconds === undefined ? {} : { seconds: number('--seconds', values.seconds, 1, MAX_SECONDS) };
  const selections =
    isLoopbackOnly || isDatagrams
      ? []
      : isQuick
        ? quickSelections(contestants)
        : isHard
          ? named(HARD, contestants)
          : [{ scenarios, workloads, hosts, contestants }];
  const isSubset = isHard || isDatagrams || isPart || (contestants !== undefined && !isQuick);
  return {
    portions: selections.map((selection) => ({ ...portionOf(selection), ...seconds })),
    isLoopback: isLoopbackOnly || (!isSubset && isOnLoopback(contestants)),
    isDatagrams,
    ...(values.cases === undefined
      ? {}
      : { datagramCases: select('case', values.cases, DATAGRAM_CASES, (name) => name) }),
    ...(contestants === undefined ? {} : { contestants }),
    tuning: forContestants('--tuning', values.tuning.map(parseTuning), contestants),
    nodes: forContestants('--node', values.node.map(parseNode), contestants),
    repetitions: number(
      '--repetitions',
      values.repetitions ?? (isQuick || isHard || isDatagrams ? '1' : '3'),
      1,
      MAX_REPETITIONS,
    ),
    isQuick,
    isLinkCheck: !values['no-check'],
    out: values.out,
    isList: values.list,
  };
}

/** Throws an Error for a checkout that does not take part. */
function forContestants<T extends { readonly contestant?: string }>(
  option: string,
  options: readonly T[],
  contestants: readonly string[] | undefined,
): readonly T[] {
  const folders = contestants === undefined ? [undefined] : foldersOf(contestants);
  for (const { contestant } of options) {
    if (contestant !== undefined && !folders.includes(parseVersion(contestant).folder))
      throw new Error(`${option} is for "${contestant}", which is not among the contestants`);
  }
  return options;
}

function quickSelections(contestants: readonly string[] | undefined): readonly Selection[] {
  return contestants === undefined ? QUICK : named(QUICK_COMPARISON, contestants);
}

/** Parts with these contestants in the place of their own, if there are any. */
function named(
  parts: readonly Selection[],
  contestants: readonly string[] | undefined,
): readonly Selection[] {
  return contestants === undefined ? parts : parts.map((part) => ({ ...part, contestants }));
}

function isOnLoopback(contestants: readonly string[] | undefined): boolean {
  return contestants?.some((name) => LOOPBACK_CONTESTANTS.includes(parseVersion(name).kind)) ?? true;
}

function portionOf({ scenarios, workloads, hosts, contestants, seconds }: Selection): Portion {
  return {
    scenarios: select('scenario', scenarios, SCENARIOS, ({ id }) => id),
    workloads: select('workload', workloads, WORKLOADS, ({ name }) => name),
    hosts: select('hosts', hosts, HOSTS, (name) => name),
    ...(contestants === undefined ? {} : { contestants }),
    ...(seconds === undefined ? {} : { seconds }),
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
