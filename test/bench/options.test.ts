import { expect, test } from 'vitest';
import type { Version } from './comparison/checkouts.ts';
import { cSocks } from './contestants/c-socks.ts';
import type { ContestantKind } from './contestants/contestant.ts';
import { kernelMptcp } from './contestants/kernel-mptcp.ts';
import { single } from './contestants/single.ts';
import { tributary, tributaryCubic } from './contestants/tributary.ts';
import { GOALS } from './goals.ts';
import { HARD_GOALS } from './hard-goals.ts';
import { parseOptions } from './options.ts';
import { expectedMs, type Group, plan } from './plan.ts';
import { byId, NETWORKS } from './scenarios.ts';
import { Summary } from './summary.ts';
import { record } from './support/records.ts';
import { WORKLOADS } from './workloads/all.ts';

/** A plan never touches the set-up. */
const OWN = {} as Version;
const KINDS: readonly ContestantKind[] = [tributary(OWN), tributaryCubic(OWN), kernelMptcp, single, cSocks];

function planned(...args: string[]): Group[] {
  const options = parseOptions(args)!;
  return plan(options.portions, options.repetitions, KINDS);
}

function texts(groups: readonly Group[]): string[] {
  return groups.map(({ scenario, hosts, contestant }) => `${scenario.id} ${hosts} ${contestant.name}`);
}

test('any subset can be chosen; a family stands for its faults', () => {
  expect(texts(planned('--scenarios', 'E1', '--hosts', 'bbr', '--repetitions', '1'))).toEqual([
    ...['E1 bbr tributary', 'E1 bbr kernel-mptcp', 'E1 bbr single:a', 'E1 bbr single:b'],
  ]);
  const faults = ['--scenarios', 'F1/E6', '--hosts', 'cubic', '--contestants', 'tributary'];
  const groups = planned(...faults, '--workloads', 'bulk-up,page', '--repetitions', '1');
  expect(texts(groups)).toEqual(['F1/E6/dsl cubic tributary', 'F1/E6/lte cubic tributary']);
  expect(groups.map(({ workloads }) => workloads.map(({ name }) => name))).toEqual([
    ['bulk-up'],
    ['bulk-up'],
  ]);
});

test('repetitions come last, and the contestant without BBR is for CUBIC hosts', () => {
  const groups = planned('--scenarios', 'E9', '--contestants', 'tributary,tributary-cubic,c-socks');
  expect(texts(groups.slice(0, 5))).toEqual([
    ...['E9 cubic tributary', 'E9 cubic tributary-cubic', 'E9 cubic c-socks'],
    ...['E9 bbr tributary', 'E9 bbr c-socks'],
  ]);
  expect(groups.map(({ repetition }) => repetition)).toEqual([1, 2, 3].flatMap((n) => Array(5).fill(n)));
});

test('one of the single uplinks can be chosen', () => {
  const args = ['--scenarios', 'E6', '--hosts', 'bbr', '--contestants', 'single:lte', '--repetitions', '1'];
  expect(texts(planned(...args))).toEqual(['E6 bbr single:lte']);
});

test.each([
  [['--scenarios', 'E99'], 'no scenario "E99"'],
  [['--contestants', 'nobody'], 'no contestant "nobody"'],
  [['--workloads', 'bulk'], 'no workload "bulk"'],
  [['--repetitions', '0'], '--repetitions takes'],
  [['--quick', '--scenarios', 'E1'], 'exclude each other'],
  [['--loopback', '--workloads', 'page'], 'exclude each other'],
  [['--hard', '--hosts', 'bbr'], 'exclude each other'],
  [['--datagrams', '--quick'], 'exclude each other'],
  [['--datagrams', '--contestants', 'tributary'], 'does not go with it'],
  [['--datagrams', '--cases', 'bulk,nothing'], 'no case "nothing"; there are idle, bulk, '],
  [['--cases', 'bulk'], '--cases goes with --datagrams only'],
  [['--tuning', 'tributary@.:a.b=1'], '"tributary@.", which is not among the contestants'],
  [['--tuning', 'a.b'], '--tuning takes KEY=VALUE'],
  [['--node', 'tributary@.:/opt/node'], '--node is for "tributary@.", which is not among the contestants'],
  [['--node', ''], '--node takes FILE'],
  [['--contestants', 'tributary@'], '"tributary@" lacks the folder'],
  [['--contestants', 'nobody@/srv'], 'no contestant "nobody"'],
  [['--contestants', 'kernel-mptcp@/srv'], 'only contestants of Tributary'],
  [['--contestants', 'shadowsocks'], 'no contestant "shadowsocks"'],
  [['--loopback', '--contestants', 'kernel-mptcp'], 'no contestant "kernel-mptcp"; there are tributary, '],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

test('the whole includes loopback, a subset does not', () => {
  expect(parseOptions([])?.isLoopback).toBe(true);
  expect(parseOptions(['--quick'])).toMatchObject({ isLoopback: true, repetitions: 1 });
  expect(parseOptions(['--scenarios', 'E1'])?.isLoopback).toBe(false);
  expect(parseOptions(['--loopback'])).toMatchObject({ isLoopback: true, portions: [] });
});

test('datagrams are measured alone, all their cases or some', () => {
  expect(parseOptions(['--datagrams'])).toMatchObject({
    isDatagrams: true,
    isLoopback: false,
    portions: [],
    repetitions: 1,
  });
  expect(parseOptions(['--datagrams', '--cases', 'loopback,bulk'])?.datagramCases).toEqual([
    'bulk',
    'loopback',
  ]);
  expect(parseOptions([])?.isDatagrams).toBe(false);
});

test('versions run in turn, the other way round in every second repetition', () => {
  const other: Version = { ...OWN, folder: '../old' };
  const kinds = [tributary(OWN), tributary(other), tributaryCubic(OWN), tributaryCubic(other)];
  const versions = ['--contestants', 'tributary,tributary@../old,tributary-cubic@../old'];
  const part = ['--scenarios', 'E1,F1/E1/a', '--hosts', 'cubic', '--workloads', 'bulk-down,bulk-up'];
  const options = parseOptions([...part, ...versions, '--repetitions', '2'])!;
  const groups = plan(options.portions, options.repetitions, kinds);
  expect(groups.map(({ contestant, workloads }) => `${contestant.name} ${workloads.length}`)).toEqual([
    ...['tributary 2', 'tributary@../old 2', 'tributary-cubic@../old 2'],
    // Through a fault, one transfer at a time.
    ...['tributary 1', 'tributary@../old 1', 'tributary 1', 'tributary@../old 1'],
    ...['tributary-cubic@../old 2', 'tributary@../old 2', 'tributary 2'],
    ...['tributary@../old 1', 'tributary 1', 'tributary@../old 1', 'tributary 1'],
  ]);
  expect(options).toMatchObject({ isLoopback: false });
});

test('numbers of the core can be changed, for all or for one of the checkouts', () => {
  const versions = ['--contestants', 'tributary,tributary-cubic@.'];
  const tuning = ['--tuning', 'a.x=1', '--tuning', 'tributary@.:a.y=2', '--tuning', 'tributary:a.y=3'];
  expect(parseOptions([...versions, ...tuning])!.tuning).toEqual([
    { key: 'a.x', value: 1 },
    { contestant: 'tributary@.', key: 'a.y', value: 2 },
    { contestant: 'tributary', key: 'a.y', value: 3 },
  ]);
  expect(parseOptions([])!.tuning).toEqual([]);
});

test('contestants can be chosen on loopback', () => {
  const names = ['tributary', 'tributary-4@/srv/old', 'shadowsocks'];
  const args = ['--loopback', '--contestants', [...names, 'tributary'].join(',')];
  expect(parseOptions(args)).toMatchObject({ isLoopback: true, portions: [], contestants: names });
});

test('the quick comparison has what tells versions apart, and loopback if they run there', () => {
  const options = parseOptions(['--quick', '--contestants', 'tributary,tributary@/srv/old'])!;
  expect(options).toMatchObject({ isLoopback: true, isQuick: true, repetitions: 1 });
  const kinds = [tributary(OWN), tributary({ ...OWN, folder: '/srv/old' })];
  const groups = plan(options.portions, 3, kinds);
  const measured = groups.flatMap(({ scenario, hosts, workloads }) =>
    workloads.map(({ name }) => `${scenario.id} ${hosts} ${name}`),
  );
  expect([...new Set(measured)]).toEqual([
    ...['fetch-10k', 'page', 'bulk-down', 'bulk-up'].map((name) => `E1 bbr ${name}`),
    ...['E6', 'E8'].flatMap((id) => [`${id} bbr bulk-down`, `${id} bbr bulk-up`]),
    ...['F1/E1/a bbr bulk-down', 'F1/E1/b bbr bulk-down'],
  ]);
  expect(measured).toHaveLength(10 * 2 * 3);
  const minutes = groups.reduce((sum, group) => sum + expectedMs(group), 0) / 60_000;
  expect(minutes).toBeLessThan(12);
  expect(parseOptions(['--quick', '--contestants', 'kernel-mptcp'])).toMatchObject({ isLoopback: false });
});

/** A summary of the runs that this command line asks for, with all figures that there are. */
function summaryOf(...args: string[]): Summary {
  const figures = {
    ...{ overSum: 1, upOverSum: 1, p50Ms: 1, p95Ms: 1, totalMs: 1, copyShare: 0 },
    ...{ longestGapMs: 1, afterFault: 1, backMs: 1 },
  };
  return new Summary(
    planned(...args).flatMap(({ scenario, hosts, contestant, workloads }) =>
      workloads.map(({ name }) =>
        record(figures, { scenario: scenario.id, hosts, contestant: contestant.name, workload: name }),
      ),
    ),
  );
}

function minutesOf(...args: string[]): number {
  return planned(...args).reduce((sum, group) => sum + expectedMs(group), 0) / 60_000;
}

test('the quick run and that of what is hard cover every goal, each in about a quarter of an hour', () => {
  const quick = summaryOf('--quick');
  const hard = summaryOf('--hard');
  const isOpen = (summary: Summary) => GOALS.filter((goal) => goal.judge(summary).length === 0);
  expect(isOpen(quick)).toEqual(HARD_GOALS.filter((goal) => isOpen(quick).includes(goal)));
  expect(HARD_GOALS.filter((goal) => isOpen(hard).includes(goal))).toEqual([]);
  const overBest = GOALS.find(({ name }) => name.includes('best single'))!;
  const networks = Array.from({ length: 9 }, (_, i) => `E${i + 1}`);
  expect(
    overBest
      .judge(quick)
      .map(({ where }) => where)
      .sort(),
  ).toEqual(networks.flatMap((id) => [`${id} bbr bulk-down`, `${id} bbr bulk-up`]));
  expect(minutesOf('--quick')).toBeLessThan(16);
  expect(minutesOf('--hard')).toBeLessThan(17);
});

test('what is hard has every network of several links, and its collapse', () => {
  const hard = planned('--hard');
  const ids = new Set(hard.map(({ scenario }) => scenario.id));
  const several = NETWORKS.filter(({ uplinks }) => uplinks.length > 1);
  const collapses = [...ids].filter((id) => id.startsWith('F3/')).map((id) => id.split('/')[1]!);
  expect(collapses.sort(byId)).toEqual(several.map(({ id }) => id));
  expect(parseOptions(['--hard'])).toMatchObject({ isLoopback: false, repetitions: 1 });
  const raced = planned('--hard', '--contestants', 'tributary');
  expect(new Set(raced.map(({ contestant }) => contestant.name))).toEqual(new Set(['tributary']));
});

test('scenarios have the workloads that make sense in them', () => {
  const of = (id: string) => {
    const groups = planned(
      '--scenarios',
      id,
      '--hosts',
      'bbr',
      '--contestants',
      'tributary',
      '--repetitions',
      '1',
    );
    return groups.map(({ workloads }) => workloads.map(({ name }) => name));
  };
  expect(of('E1')).toEqual([WORKLOADS.map(({ name }) => name)]);
  expect(of('F1/E1/a')).toEqual([['bulk-down'], ['bulk-up']]);
  expect(of('C1/E1/free')).toEqual([['bulk-down', 'bulk-up']]);
  // What changes is as it was at the start for each of them.
  expect(of('G8')).toEqual([['bulk-down'], ['bulk-up'], ['beside-bulk']]);
});
