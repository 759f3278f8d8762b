import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LoopWatch } from '../../../shared/runtime/observe/loop-watch.ts';

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
    nowMs += 250;
    vi.advanceTimersByTime(250);
  };
  for (const lateMs of [0, 100, 900, 0]) look(lateMs);
  expect(onStall).not.toHaveBeenCalled();
  look(60_000);
  look(0);
  expect(onStall.mock.calls).toEqual([[60_000]]);
  expect(watch.stalls).toBe(1);
  watch.stop();
  look(60_000);
  expect(watch.stalls).toBe(1);
});
