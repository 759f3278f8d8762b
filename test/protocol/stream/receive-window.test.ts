import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import {
  FLOOR_WINDOW_BYTES,
  ReceiveWindow,
  WINDOW_TUNING,
} from '../../../shared/protocol/stream/receive-window.ts';
import { TestClock } from '../test-clock.ts';

const { firstBytes: FIRST_WINDOW_BYTES, maxBytes: MAX_WINDOW_BYTES } = WINDOW_TUNING;
const now = new TestClock();
const { at } = now;

const ROOMY = 1024 * 1024 * 1024;

/** An application that reads all it may, in `readMs` per window. */
function readWindows(window: ReceiveWindow, count: number, readMs: number, rttMs: number): void {
  let nowMs = 0;
  for (let i = 0; i < count; i++) {
    nowMs += readMs;
    at(nowMs, window).consume(window.limitDsn - window.consumedBytes, rttMs);
  }
}

describe('ReceiveWindow', () => {
  it('starts at the floor and opens up to the first window', () => {
    const budget = new MemoryBudget(ROOMY);
    const window = new ReceiveWindow(budget, at(0, now), WINDOW_TUNING);
    expect([window.limitDsn, budget.reservedBytes]).toEqual([FLOOR_WINDOW_BYTES, FLOOR_WINDOW_BYTES]);
    window.openUp();
    expect([window.limitDsn, budget.reservedBytes]).toEqual([FIRST_WINDOW_BYTES, FIRST_WINDOW_BYTES]);
  });

  it('opens up to a quarter of what is left, and stays at the floor when that is less', () => {
    const budget = new MemoryBudget(FLOOR_WINDOW_BYTES + 400_000);
    const openedUp = () => {
      const window = new ReceiveWindow(budget, at(0, now), WINDOW_TUNING);
      window.openUp();
      return window.limitDsn;
    };
    // 75 000 is a quarter of what the first leaves and the second's own floor takes.
    expect([openedUp(), openedUp(), openedUp()]).toEqual([100_000, 75_000, FLOOR_WINDOW_BYTES]);
  });

  it('grants credit when a quarter was consumed, not before', () => {
    const window = new ReceiveWindow(new MemoryBudget(ROOMY), at(0, now), WINDOW_TUNING);
    const quarter = FLOOR_WINDOW_BYTES / 4;
    expect(at(10_000, window).consume(quarter - 1, 10)).toBe(false);
    expect(window.limitDsn).toBe(FLOOR_WINDOW_BYTES);
    expect(at(10_000, window).consume(1, 10)).toBe(true);
    expect(window.limitDsn).toBe(FLOOR_WINDOW_BYTES + quarter);
  });

  it('doubles up to its maximum for a fast reader', () => {
    const budget = new MemoryBudget(ROOMY);
    const window = new ReceiveWindow(budget, at(0, now), WINDOW_TUNING);
    readWindows(window, 30, 100, 100);
    expect([window.limitDsn - window.consumedBytes, budget.reservedBytes]).toEqual([
      MAX_WINDOW_BYTES,
      MAX_WINDOW_BYTES,
    ]);
  });

  it('does not grow for a slow reader', () => {
    const budget = new MemoryBudget(ROOMY);
    readWindows(new ReceiveWindow(budget, at(0, now), WINDOW_TUNING), 30, 1_000, 100);
    expect(budget.reservedBytes).toBe(FLOOR_WINDOW_BYTES);
  });

  it('grows no further than the budget has room for', () => {
    const limitBytes = 1024 * 1024;
    const budget = new MemoryBudget(limitBytes);
    const windows = [
      new ReceiveWindow(budget, at(0, now), WINDOW_TUNING),
      new ReceiveWindow(budget, at(0, now), WINDOW_TUNING),
    ];
    for (const window of windows) readWindows(window, 30, 10, 100);
    expect(budget.reservedBytes).toBeLessThanOrEqual(limitBytes);
    expect(windows.map((window) => window.limitDsn - window.consumedBytes)).toEqual([512 * 1024, 512 * 1024]);
  });

  it('never takes credit back, and accounts for every byte it promises', () => {
    const step = fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), ms: fc.nat(500) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 8_000_000 }),
        (steps, limit) => {
          const budget = new MemoryBudget(limit);
          const window = new ReceiveWindow(budget, at(0, now), WINDOW_TUNING);
          window.openUp();
          let nowMs = 0;
          for (const { share, ms } of steps) {
            nowMs += ms;
            const before = window.limitDsn;
            const due = at(nowMs, window).consume(Math.floor(share * (before - window.consumedBytes)), 50);
            expect(window.limitDsn).toBeGreaterThanOrEqual(before);
            expect(due || window.limitDsn === before).toBe(true);
            const creditBytes = window.limitDsn - window.consumedBytes;
            expect(creditBytes).toBeLessThanOrEqual(budget.reservedBytes);
            if (due) expect(creditBytes).toBe(budget.reservedBytes);
            expect(budget.reservedBytes).toBeLessThanOrEqual(Math.max(limit, FLOOR_WINDOW_BYTES));
          }
          window.close();
          expect(budget.reservedBytes).toBe(0);
        },
      ),
    );
  });
});
