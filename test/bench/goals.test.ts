import { expect, test } from 'vitest';
import { GOALS, judge } from './goals.ts';
import type { RunRecord } from './run-group.ts';
import { Summary } from './summary.ts';
import { record } from './support/records.ts';

/** Verdicts of the goals whose name contains `words`, by place. */
function verdicts(words: string, records: readonly RunRecord[]): Record<string, boolean> {
  const found = judge(new Summary(records)).filter(({ goal }) => goal.includes(words));
  return Object.fromEntries(found.map(({ where, isMet }) => [where, isMet]));
}

const rates = (...values: number[]) =>
  values.map((overSum, index) => record({ overSum }, { repetition: index + 1 }));

test('rates are judged by their median, at the bound as met', () => {
  const words = 'sum of rates, BBR';
  expect(verdicts(words, rates(0.5, 0.93, 0.99))).toEqual({ 'E1 bbr bulk-down': true });
  expect(verdicts(words, rates(0.99, 0.92, 0.5))).toEqual({ 'E1 bbr bulk-down': false });
});

test('the sum of rates is the measure in four networks only, with a bound for each kind of hosts', () => {
  const at = (scenario: string, hosts: 'bbr' | 'cubic') => record({ overSum: 0.88 }, { scenario, hosts });
  const records = ['E1', 'E2', 'E7', 'E8'].flatMap((id) => [at(id, 'bbr'), at(id, 'cubic')]);
  expect(verdicts('sum of rates, BBR', records)).toEqual({
    'E1 bbr bulk-down': false,
    'E8 bbr bulk-down': false,
  });
  // With loss, too.
  expect(verdicts('sum of rates, CUBIC', records)).toEqual({
    'E1 cubic bulk-down': true,
    'E8 cubic bulk-down': true,
  });
});

test("twice kernel MPTCP's is asked for on lossy links and CUBIC hosts", () => {
  const records = ['E1', 'E8'].flatMap((scenario) => [
    record({ overSum: 0.9 }, { scenario, hosts: 'cubic' }),
    record({ overSum: 0.5 }, { scenario, hosts: 'cubic', contestant: 'kernel-mptcp' }),
  ]);
  expect(verdicts("twice kernel MPTCP's", records)).toEqual({ 'E8 cubic bulk-down': false });
});

test('the best of the single uplinks is what counts, and more is asked for in E7', () => {
  const runs = (scenario: string) => [
    record({ overSum: 0.6 }, { scenario }),
    record({ overSum: 0.3 }, { scenario, contestant: 'single:a', uplink: 'a' }),
    record({ overSum: 0.5 }, { scenario, contestant: 'single:b', uplink: 'b' }),
  ];
  const found = judge(new Summary([...runs('E2'), ...runs('E7')])).filter(({ goal }) =>
    goal.includes('best single'),
  );
  expect(found.map(({ value, bound, isMet }) => [value, bound, isMet])).toEqual([
    [1.2, 1, true],
    [1.2, 1.5, false],
  ]);
});

test('small fetches are held against the nearest uplink, and beside bulk against themselves without it', () => {
  const small = record({ p50Ms: 56 }, { workload: 'fetch-10k' });
  expect(verdicts('RTT of the best uplink', [small])).toEqual({ 'E1 bbr fetch-10k': true });
  const beside = (p95Ms: number) => [small, record({ p95Ms }, { workload: 'beside-bulk' })];
  expect(verdicts('beside bulk', beside(168))).toEqual({ 'E1 bbr beside-bulk': true });
  expect(verdicts('beside bulk', beside(169))).toEqual({ 'E1 bbr beside-bulk': false });
});

test('gaps: the median of each uplink, and the worst of all, where nothing is lost', () => {
  const gaps = (scenario: string) =>
    [100, 240, 450].map((longestGapMs, index) =>
      record({ longestGapMs }, { scenario, repetition: index + 1 }),
    );
  const records = [...gaps('F1/E1/a'), ...gaps('F1/E8/lte-a'), ...gaps('F3/E1/a')];
  expect(verdicts('longest gap through F1, F2 in E1, E6, median', records)).toEqual({
    'F1/E1/a bbr bulk-down': true,
  });
  expect(verdicts('longest gap through F1, F2 in E1, E6, worst', records)).toEqual({
    'F1/E1/a bbr bulk-down': false,
  });
});

test('pauses of all uplinks at once: what plain TCP gets on each of them together, and its longest gap', () => {
  const run = (
    contestant: string,
    afterFault: number,
    longestGapMs: number,
    hosts: 'bbr' | 'cubic' = 'bbr',
  ) => record({ afterFault, longestGapMs }, { scenario: 'F6/two/all', hosts, contestant });
  const plain = [run('single:radio-a', 0.26, 620), run('single:radio-b', 0.24, 600)];
  const where = 'F6/two/all bbr bulk-down';
  const met = [run('tributary', 0.48, 620), ...plain];
  expect(verdicts('goodput through F6', met)).toEqual({ [where]: true });
  expect(verdicts('longest gap through F6', met)).toEqual({ [where]: true });
  const missed = [run('tributary', 0.47, 621), ...plain];
  expect(verdicts('goodput through F6', missed)).toEqual({ [where]: false });
  expect(verdicts('longest gap through F6', missed)).toEqual({ [where]: false });
  // One uplink alone says nothing.
  expect(verdicts('through F6', [run('tributary', 0.48, 620), plain[0]!])).toEqual({});
});

test('a run that failed misses a goal wherever it ran, even if it has no figures', () => {
  const failed = record({ failures: 1 }, { error: 'no test bed' });
  expect(verdicts('without faults that were reset', [failed])).toEqual({ 'E1 bbr bulk-down': false });
  const inFault = record({ failures: 1 }, { scenario: 'F5/E1/all' });
  expect(verdicts('through faults that were reset', [inFault])).toEqual({ 'F5/E1/all bbr bulk-down': false });
  const theirs = record({ failures: 1 }, { contestant: 'kernel-mptcp' });
  expect(verdicts('reset', [theirs])).toEqual({});
});

test('names of goals are different, and nothing measured judges nothing', () => {
  expect(new Set(GOALS.map(({ name }) => name)).size).toBe(GOALS.length);
  expect(judge(new Summary([]))).toEqual([]);
});
