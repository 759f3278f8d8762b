import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { bed } from './path-dialer-bed.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('is silent for the next session when nothing was heard over it at all, until it comes up', async () => {
  const { path, seen, past } = bed();
  const silentAt = () => past.isSilent(performance.now());
  await vi.advanceTimersByTimeAsync(1_000);
  Object.assign(seen, { fails: true, error: new TributaryError('timedOut', '', 'peer') });
  // A further subflow that fails says nothing of the path.
  path.setWanted(2);
  await vi.advanceTimersByTimeAsync(1_000);
  path.onSubflowDoubted(0, false);
  expect([path.isUp, silentAt()]).toEqual([false, false]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(silentAt()).toBe(true);
  path.onSubflowRecovered(0);
  expect([path.hasFailed, silentAt()]).toEqual([false, false]);
  path.onSubflowDoubted(0, true);
  expect(silentAt()).toBe(true);
  seen.fails = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.isUp, silentAt()]).toEqual([true, false]);
});

it.each(['connectionRefused', 'sessionUnknown', 'goingAway'] as const)(
  'is not silent for the next session once %s was the answer, also where that ends this one',
  async (code) => {
    for (const isEnd of [false, true]) {
      const { path, seen, past } = bed();
      const silentAt = () => past.isSilent(performance.now());
      Object.assign(seen, { fails: true, error: new TributaryError('timedOut', '', 'peer') });
      await vi.advanceTimersByTimeAsync(1_000);
      expect(silentAt()).toBe(true);
      Object.assign(seen, { fails: false, answer: new TributaryError(code, '', 'peer'), admitMs: 20 });
      while (seen.admitting === 0) await vi.advanceTimersByTimeAsync(1);
      if (isEnd) path.stop();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(silentAt()).toBe(false);
      path.stop();
    }
  },
);

it('is not silent for the next session where somebody has refused', async () => {
  const { path, seen, past } = bed();
  Object.assign(seen, { fails: true, error: new TributaryError('connectionRefused', '', 'peer') });
  await vi.advanceTimersByTimeAsync(1_000);
  expect([path.hasFailed, past.isSilent(performance.now())]).toEqual([true, false]);
});
