import { expect, test } from 'vitest';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { cSocks } from './contestants/c-socks.ts';
import type { ContestantKind } from './contestants/contestant.ts';
import { kernelMptcp } from './contestants/kernel-mptcp.ts';
import { single } from './contestants/single.ts';
import { tributary, tributaryCubic } from './contestants/tributary.ts';
import { GOALS } from './goals.ts';
import { parseOptions } from './options.ts';
import { expectedMs, type Group, plan } from './plan.ts';
import { Summary } from './summary.ts';
import { record } from './support/records.ts';

/** What a plan never touches. */
const NO_SETUP = {} as TributarySetup;
const KINDS: readonly ContestantKind[] = [
  tributary(NO_SETUP),
  tributaryCubic(NO_SETUP),
  kernelMptcp,
  single,
  cSocks,
];

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
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

test('the whole includes loopback, a subset does not', () => {
  expect(parseOptions([])?.isLoopback).toBe(true);
  expect(parseOptions(['--quick'])).toMatchObject({ isLoopback: true, repetitions: 1 });
  expect(parseOptions(['--scenarios', 'E1'])?.isLoopback).toBe(false);
  expect(parseOptions(['--loopback'])).toMatchObject({ isLoopback: true, portions: [] });
});

test('the quick run covers every goal in about a quarter of an hour', () => {
  const groups = planned('--quick');
  const figures = {
    ...{ overSum: 1, p50Ms: 1, p95Ms: 1, totalMs: 1, longestGapMs: 1, afterFault: 1, copyShare: 0 },
  };
  const summary = new Summary(
    groups.flatMap(({ scenario, hosts, contestant, workloads }) =>
      workloads.map(({ name }) =>
        record(figures, { scenario: scenario.id, hosts, contestant: contestant.name, workload: name }),
      ),
    ),
  );
  expect(GOALS.filter((goal) => goal.judge(summary).length === 0).map(({ name }) => name)).toEqual([]);
  const overBest = GOALS.find(({ name }) => name.includes('best single'))!.judge(summary);
  const networks = Array.from({ length: 9 }, (_, i) => `E${i + 1}`);
  expect(overBest.map(({ where }) => where).sort()).toEqual(
    networks.flatMap((id) => [`${id} bbr bulk-down`, `${id} bbr bulk-up`]),
  );
  const minutes = groups.reduce((sum, group) => sum + expectedMs(group), 0) / 60_000;
  expect(minutes).toBeLessThan(16);
});
