import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { bed, DIAL_MS, HERE, THERE } from './path-dialer-bed.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('dials as many subflows as are wanted, one after the other', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toEqual([0]);
  path.setWanted(4);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.mostDialling, seen.retired]).toEqual([[0, 1, 2, 3], 1, []]);
});

it('retires the youngest when fewer are wanted, and dials none in their place', async () => {
  const { path, seen } = bed();
  path.setWanted(4);
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(2);
  expect(seen.retired).toEqual([3, 2]);
  for (const id of [3, 2]) path.onSubflowClosed(id);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toHaveLength(4);
});

it('gives up what it dials in place of a doubted one that works again', async () => {
  const { path, seen } = bed();
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  for (const id of [0, 1]) path.onSubflowDoubted(id, true);
  path.onSubflowRecovered(1);
  await vi.advanceTimersByTimeAsync(1_000);
  // 0 was replaced by 2; what was begun for 1 is not needed.
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], []]);
  path.onSubflowDoubted(1, true);
  await vi.advanceTimersByTimeAsync(5);
  path.onSubflowRecovered(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], []]);
});

it('has not failed while its subflow may only pause, and dials all the same', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, false);
  path.onSubflowDoubted(0, false);
  expect([path.isUp, path.hasFailed]).toEqual([false, false]);
  path.onSubflowDoubted(0, true);
  expect(path.hasFailed).toBe(true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, path.isUp, path.hasFailed, path.subflowIds]).toEqual([[0, 1], true, false, [1]]);
});

it.each([
  { what: 'works again, and then goes', isFailed: false, retired: [0] },
  { what: 'has failed', isFailed: true, retired: [] },
])('keeps a subflow that may only pause beside the one that was dialled, until it $what', async (one) => {
  const { path, seen } = bed();
  path.setWanted(1);
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, false);
  await vi.advanceTimersByTimeAsync(100);
  expect([path.subflowIds, path.isUp]).toEqual([[0, 1], true]);
  if (one.isFailed) path.onSubflowDoubted(0, true);
  else path.onSubflowRecovered(0);
  expect([seen.retired, path.isUp, path.hasFailed]).toEqual([one.retired, true, false]);
  // What has failed while another worked says nothing of the address.
  path.onSubflowClosed(1);
  await vi.advanceTimersByTimeAsync(1_000);
  if (one.isFailed) expect(seen.failed.slice(0, 2)).toEqual([undefined, undefined]);
});

it('retires a certain one, and dials another in its place only where it is wanted', async () => {
  const { path, seen } = bed();
  path.setWanted(3);
  await vi.advanceTimersByTimeAsync(1_000);
  path.retire(1);
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], [1]]);
  path.retire(0);
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([
    [0, 1, 2, 3],
    [1, 0],
  ]);
});

it('is up while further subflows fail, and tries them again with back-off', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.fails = true;
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(500);
  expect(path.isUp).toBe(true);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(seen.up).toEqual([0, 1]);
});

it('gives a dial to other targets up, and keeps subflows that are up', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(5);
  path.setTargets([THERE]);
  await vi.advanceTimersByTimeAsync(DIAL_MS);
  expect([seen.ports, seen.mostDialling]).toEqual([[2], 1]);
  path.setTargets([HERE]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0], []]);
});

it('keeps what is connected already when its targets go, and is not over before', async () => {
  const { path, seen } = bed();
  seen.admitMs = 20;
  await vi.advanceTimersByTimeAsync(DIAL_MS + 5);
  path.setTargets([]);
  expect(path.isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, path.isUp]).toEqual([[0], true]);
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, path.isOver]).toEqual([[0], true]);
});

it('leaves an address that the concentrator has withdrawn, for another', async () => {
  const { path, seen } = bed();
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  path.setTargets([THERE]);
  path.leaveAddress(HERE);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.retired, seen.ports]).toEqual([
    [0, 1],
    [1, 1, 2, 2],
  ]);
});

it('tries first what answered last', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.preferred).toEqual([undefined, 1]);
});

it('that is not wanted any more lets its subflows go, and one that comes then', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(5);
  path.setWanted(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired, path.isUp]).toEqual([[0], [0], false]);
  path.setWanted(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.up).toEqual([0, 1]);
});

it('has failed once a dial has, and until one has not', async () => {
  const { path, seen } = bed();
  seen.fails = true;
  expect(path.hasFailed).toBe(false);
  await vi.advanceTimersByTimeAsync(50);
  expect([path.hasFailed, path.reason.reason]).toEqual([true, 'no route']);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(path.hasFailed).toBe(false);
  path.onSubflowClosed(0);
  expect([path.hasFailed, path.reason.reason]).toEqual([true, 'its subflow was lost']);
});

it('leaves no connection open that the session does not take', async () => {
  const { path, seen } = bed();
  seen.refuses = true;
  await vi.advanceTimersByTimeAsync(DIAL_MS);
  expect([path.reason.reason, seen.destroyed]).toEqual(['refused', 1]);
});

it('does not tell an old reason when it is wanted again, nor one of another end', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(50);
  path.leaveAddress(HERE);
  expect(path.reason.reason).toBe('the concentrator withdrew the address');
  seen.fails = true;
  await vi.advanceTimersByTimeAsync(50);
  expect(path.reason.reason).toBe('no route');
  path.setWanted(0);
  path.setWanted(1);
  expect(path.reason.reason).toBe('not dialled yet');
});

it('tries the address last where a subflow has failed', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, true);
  await vi.advanceTimersByTimeAsync(1_000);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.failed).toEqual([undefined, HERE.port, undefined]);
});
