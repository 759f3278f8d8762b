import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryWatch } from '../../../server-concentrator/session/memory-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function bed() {
  const state = { hasStreams: false, hasUntold: false };
  const shortage = {
    check: vi.fn(),
    get hasUntold() {
      return state.hasUntold;
    },
  };
  const kernel = { check: vi.fn() };
  const watch = new MemoryWatch({ shortage, kernel, hasStreams: () => state.hasStreams });
  /** How often both looked in so many seconds. */
  const looksIn = (seconds: number) => {
    const before = shortage.check.mock.calls.length;
    vi.advanceTimersByTime(seconds * 1_000);
    expect(kernel.check.mock.calls).toHaveLength(shortage.check.mock.calls.length);
    return shortage.check.mock.calls.length - before;
  };
  return { state, watch, looksIn };
}

it('looks every second while there are streams, and sleeps without any', () => {
  const { state, watch, looksIn } = bed();
  expect([looksIn(60), vi.getTimerCount()]).toEqual([0, 0]);
  state.hasStreams = true;
  for (let streams = 0; streams < 5; streams++) watch.wake();
  expect(looksIn(10)).toBe(10);
  state.hasStreams = false;
  expect(looksIn(10)).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
  watch.wake();
  expect(looksIn(10)).toBe(1);
});

it('goes on until all is said', () => {
  const { state, watch, looksIn } = bed();
  state.hasUntold = true;
  watch.wake();
  expect(looksIn(60)).toBe(60);
  state.hasUntold = false;
  expect(looksIn(60)).toBe(1);
});

it('is silent once stopped', () => {
  const { state, watch, looksIn } = bed();
  state.hasStreams = true;
  watch.wake();
  watch.stop();
  watch.wake();
  expect([looksIn(10), vi.getTimerCount()]).toEqual([0, 0]);
});
