import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { bed, DIAL_MS } from './path-dialer-bed.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('dials one more to renew, and goes on as before when that is up', async () => {
  const { path, seen } = bed();
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1, 2], [2]]);
});

it('renews as soon as it can, and loses nothing until then', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.refuses = true;
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.isUp, seen.up, seen.retired]).toEqual([true, [0], []]);
  seen.refuses = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1], [1]]);
});

it('renews by another one than that which was about to enter', async () => {
  const { path, seen } = bed();
  seen.admitMs = 50;
  await vi.advanceTimersByTimeAsync(DIAL_MS + 10);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1], [1]]);
});

it('renews nothing where nothing is wanted', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(0);
  path.renew();
  await vi.advanceTimersByTimeAsync(1_000);
  path.setWanted(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([seen.up, seen.retired]).toEqual([[0, 1], [0]]);
});

it('puts a subflow with packets of full length in the place of one with short ones, where they get through', async () => {
  const { path, seen } = bed();
  const tryAgain = async () => {
    seen.isTrialDue = true;
    path.tryFullSize();
    await vi.advanceTimersByTimeAsync(1_000);
  };
  await vi.advanceTimersByTimeAsync(1_000);
  seen.fails = true;
  await tryAgain();
  expect([seen.trials, seen.up, seen.retired, path.hasFailed]).toEqual([1, [0], [], false]);
  seen.fails = false;
  await tryAgain();
  expect([seen.trials, seen.up, seen.retired]).toEqual([2, [0, 1], [0]]);
});

it('dials what is lost while full packets are tried', async () => {
  const { path, seen } = bed();
  await vi.advanceTimersByTimeAsync(1_000);
  seen.isTrialDue = true;
  seen.admitMs = 5_000;
  path.tryFullSize();
  await vi.advanceTimersByTimeAsync(100);
  seen.admitMs = 0;
  path.onSubflowClosed(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.isUp, seen.up]).toEqual([true, [0, 1]]);
});
