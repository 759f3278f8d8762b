import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LOOK_EVERY_MS, LoopWatch } from '../../../shared/runtime/observe/loop-watch.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

it('notices that the program stood still, and not that it was a little late', () => {
  let heldUpMs = 0;
  let nowMs = 0;
  const onStall = vi.fn();
  const watch = new LoopWatch(() => nowMs + heldUpMs, onStall);
  watch.start();
  const look = (lateMs: number) => {
    heldUpMs += lateMs;
    nowMs += LOOK_EVERY_MS;
    vi.advanceTimersByTime(LOOK_EVERY_MS);
  };
  expect(watch.takeDelays()).toBeUndefined();
  for (const lateMs of [0, 100, 900, 0]) look(lateMs);
  expect(onStall).not.toHaveBeenCalled();
  const delays = watch.takeDelays()!;
  expect(delays.min).toBeLessThan(0.001);
  expect(delays.max).toBeCloseTo(0.9, 2);
  expect(delays.mean).toBeCloseTo(0.25, 2);
  expect(delays.p50).toBeLessThan(0.001);
  expect(delays.p99).toBeCloseTo(0.9, 2);
  expect(watch.takeDelays()).toBeUndefined();
  look(60_000);
  look(0);
  expect(onStall.mock.calls).toEqual([[60_000]]);
  expect(watch.stalls).toBe(1);
  watch.stop();
  look(60_000);
  expect(watch.stalls).toBe(1);
});
