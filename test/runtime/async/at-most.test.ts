import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { atMost } from '../../../shared/runtime/async/at-most.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { deferred } from '../../support/deferred.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether it has settled by now. */
async function isOver(waiting: Promise<void>): Promise<boolean> {
  let over = false;
  void waiting.then(() => {
    over = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return over;
}

it('waits for the work, and leaves no timer', async () => {
  const work = deferred<void>();
  const waiting = atMost(1_000, work.promise);
  expect(await isOver(waiting)).toBe(false);
  work.resolve();
  expect(await isOver(waiting)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it('waits no longer than the limit', async () => {
  const waiting = atMost(1_000, new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(999);
  expect(await isOver(waiting)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await isOver(waiting)).toBe(true);
});

it('ends the wait when the signal aborts, also when it has before', async () => {
  const signal = new Cancellation();
  const waiting = atMost(1_000, new Promise(() => {}), signal);
  expect(await isOver(waiting)).toBe(false);
  signal.abort();
  expect(await isOver(waiting)).toBe(true);
  expect(await isOver(atMost(1_000, new Promise(() => {}), signal))).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it('rejects when the work does', async () => {
  await expect(atMost(1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
});
