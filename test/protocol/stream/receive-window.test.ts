import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { ReceiveWindow } from '../../../shared/protocol/stream/receive-window.ts';
import {
  FIRST_WINDOW_BYTES,
  FLOOR_WINDOW_BYTES,
  MAX_WINDOW_BYTES,
} from '../../../shared/protocol/tunables.ts';

const ROOMY = 1024 * 1024 * 1024;

/** An application that reads all it may, in `readMs` per window. */
function readWindows(window: ReceiveWindow, count: number, readMs: number, rttMs: number): void {
  let nowMs = 0;
  for (let i = 0; i < count; i++) {
    nowMs += readMs;
    window.consume(window.limitDsn - window.consumedBytes, nowMs, rttMs);
  }
}

describe('ReceiveWindow', () => {
  it('starts at the floor and opens up to the first window', () => {
    const budget = new MemoryBudget(ROOMY);
    const window = new ReceiveWindow(budget, 0);
    expect([window.limitDsn, budget.reservedBytes]).toEqual([FLOOR_WINDOW_BYTES, FLOOR_WINDOW_BYTES]);
    window.openUp();
    expect([window.limitDsn, budget.reservedBytes]).toEqual([FIRST_WINDOW_BYTES, FIRST_WINDOW_BYTES]);
  });

  it('opens up to a quarter of what is left, and stays at the floor when that is less', () => {
    const budget = new MemoryBudget(FLOOR_WINDOW_BYTES + 400_000);
    const openedUp = () => {
      const window = new ReceiveWindow(budget, 0);
      window.openUp();
      return window.windowBytes;
    };
    // 75 000 is a quarter of what the first leaves and the second's own floor takes.
    expect([openedUp(), openedUp(), openedUp()]).toEqual([100_000, 75_000, FLOOR_WINDOW_BYTES]);
  });

  it('grants credit when a quarter was consumed, not before', () => {
    const window = new ReceiveWindow(new MemoryBudget(ROOMY), 0);
    const quarter = FLOOR_WINDOW_BYTES / 4;
    expect(window.consume(quarter - 1, 10_000, 10)).toBe(false);
    expect(window.limitDsn).toBe(FLOOR_WINDOW_BYTES);
    expect(window.consume(1, 10_000, 10)).toBe(true);
    expect(window.limitDsn).toBe(FLOOR_WINDOW_BYTES + quarter);
  });

  it('doubles up to its maximum for a fast reader', () => {
    const budget = new MemoryBudget(ROOMY);
    const window = new ReceiveWindow(budget, 0);
    readWindows(window, 30, 100, 100);
    expect([window.windowBytes, budget.reservedBytes]).toEqual([MAX_WINDOW_BYTES, MAX_WINDOW_BYTES]);
  });

  it('does not grow for a slow reader', () => {
    const window = new ReceiveWindow(new MemoryBudget(ROOMY), 0);
    readWindows(window, 30, 1_000, 100);
    expect(window.windowBytes).toBe(FLOOR_WINDOW_BYTES);
  });

  it('grows no further than the budget has room for', () => {
    const limitBytes = 1024 * 1024;
    const budget = new MemoryBudget(limitBytes);
    const windows = [new ReceiveWindow(budget, 0), new ReceiveWindow(budget, 0)];
    for (const window of windows) readWindows(window, 30, 10, 100);
    expect(budget.reservedBytes).toBeLessThanOrEqual(limitBytes);
    expect(windows[0]?.windowBytes).toBe(512 * 1024);
  });

  it('never takes credit back, and accounts for every byte it promises', () => {
    const step = fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), ms: fc.nat(500) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 8_000_000 }),
        (steps, limit) => {
          const budget = new MemoryBudget(limit);
          const window = new ReceiveWindow(budget, 0);
          window.openUp();
          let nowMs = 0;
          for (const { share, ms } of steps) {
            nowMs += ms;
            const before = window.limitDsn;
            const due = window.consume(Math.floor(share * (before - window.consumedBytes)), nowMs, 50);
            expect(window.limitDsn).toBeGreaterThanOrEqual(before);
            expect(due || window.limitDsn === before).toBe(true);
            expect(window.limitDsn - window.consumedBytes).toBeLessThanOrEqual(window.windowBytes);
            expect(budget.reservedBytes).toBe(window.windowBytes);
            expect(window.windowBytes).toBeLessThanOrEqual(Math.max(limit, FLOOR_WINDOW_BYTES));
          }
          window.close();
          expect(budget.reservedBytes).toBe(0);
        },
      ),
    );
  });
});
