import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NetworkWatch } from '../../../client-proxy/path-manager/network-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('tells of a change, and outlives looks that fail', () => {
  let read: () => unknown = () => ({ lan: ['10.0.0.2'] });
  const onChange = vi.fn();
  const watch = new NetworkWatch(() => read(), onChange);
  vi.advanceTimersByTime(1_000);
  expect(onChange).not.toHaveBeenCalled();
  read = () => {
    throw new Error('EMFILE');
  };
  vi.advanceTimersByTime(1_000);
  expect(onChange).not.toHaveBeenCalled();
  read = () => ({ lan: ['10.0.0.3'] });
  vi.advanceTimersByTime(1_000);
  expect(onChange).toHaveBeenCalledTimes(1);
  watch.stop();
});
