import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget, PROMISED_SHARE } from '../../../shared/protocol/memory-budget.ts';
import { ReceiveAccount } from '../../../shared/protocol/stream/receive-account.ts';
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

function newWindow(budget: MemoryBudget, account = new ReceiveAccount(budget)): ReceiveWindow {
  return new ReceiveWindow(account, at(0, now), WINDOW_TUNING);
}

/** An application that reads all it may, in `readMs` per window. */
function readWindows(window: ReceiveWindow, count: number, readMs: number, rttMs: number): void {
  let nowMs = 0;
  for (let i = 0; i < count; i++) {
    nowMs += readMs;
    at(nowMs, window).consume(window.limitDsn - window.consumedBytes, rttMs);
  }
}

describe('ReceiveWindow', () => {
  it('starts at the floor, which takes nothing, and opens up to the first window', () => {
    const budget = new MemoryBudget(ROOMY);
    const window = newWindow(budget);
    expect([window.limitDsn, budget.usedBytes]).toEqual([FLOOR_WINDOW_BYTES, 0]);
    window.openUp(0);
    expect([window.limitDsn, budget.usedBytes]).toEqual([FIRST_WINDOW_BYTES, FIRST_WINDOW_BYTES]);
  });

  it('opens up to an eighth of what first windows may still take, and stays at the floor when that is less', () => {
    // Three eighths of it are for first windows.
    const budget = new MemoryBudget((8 / 3) * 640_000);
    const openedUp = () => {
      const window = newWindow(budget);
      window.openUp(0);
      return window.limitDsn;
    };
    expect([openedUp(), openedUp(), openedUp()]).toEqual([80_000, 70_000, FLOOR_WINDOW_BYTES]);
  });

  it('grants a stream at the floor little while memory is tight, and never takes credit back', () => {
    const budget = new MemoryBudget(1_000_000);
    const window = newWindow(budget);
    const grown = newWindow(budget);
    grown.openUp(0);
    const firstLimit = grown.limitDsn;
    budget.take(800_000);
    expect(at(10_000, window).consume(60_000, 1)).toBe(true);
    expect(window.limitDsn).toBe(60_000 + 16 * 1024);
    expect(at(10_000, window).consume(20, 1)).toBe(false);
    expect(grown.limitDsn).toBe(firstLimit);
    budget.give(800_000);
    expect(at(20_000, window).consume(10_000, 1)).toBe(true);
    expect(window.limitDsn).toBe(70_020 + FLOOR_WINDOW_BYTES);
  });

  it('grants credit when a quarter was consumed, not before', () => {
    const window = newWindow(new MemoryBudget(ROOMY));
    const quarter = FLOOR_WINDOW_BYTES / 4;
    expect(at(10_000, window).consume(quarter - 1, 10)).toBe(false);
    expect(window.limitDsn).toBe(FLOOR_WINDOW_BYTES);
    expect(at(10_000, window).consume(1, 10)).toBe(true);
    expect(window.limitDsn).toBe(FLOOR_WINDOW_BYTES + quarter);
  });

  it('doubles up to its maximum for a fast reader', () => {
    const budget = new MemoryBudget(ROOMY);
    const window = newWindow(budget);
    readWindows(window, 30, 100, 100);
    expect([window.limitDsn - window.consumedBytes, budget.usedBytes]).toEqual([
      MAX_WINDOW_BYTES,
      MAX_WINDOW_BYTES,
    ]);
  });

  it('does not grow for a slow reader', () => {
    const budget = new MemoryBudget(ROOMY);
    readWindows(newWindow(budget), 30, 1_000, 100);
    expect(budget.usedBytes).toBe(0);
  });

  it('grows no further than the budget has room for', () => {
    const limitBytes = 1024 * 1024;
    const budget = new MemoryBudget(limitBytes);
    const windows = [newWindow(budget), newWindow(budget)];
    for (const window of windows) readWindows(window, 30, 10, 100);
    // Five eighths, of which the first has taken four.
    expect(budget.usedBytes).toBe(limitBytes * PROMISED_SHARE);
    expect(windows.map((window) => window.limitDsn - window.consumedBytes)).toEqual([512 * 1024, 128 * 1024]);
  });

  it('never takes credit back, and accounts for every byte it promises', () => {
    const step = fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), ms: fc.nat(500) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 8_000_000 }),
        (steps, limit) => {
          const budget = new MemoryBudget(limit);
          const window = newWindow(budget);
          window.openUp(0);
          let nowMs = 0;
          for (const { share, ms } of steps) {
            nowMs += ms;
            const before = window.limitDsn;
            const due = at(nowMs, window).consume(Math.floor(share * (before - window.consumedBytes)), 50);
            expect(window.limitDsn).toBeGreaterThanOrEqual(before);
            expect(due || window.limitDsn === before).toBe(true);
            const creditBytes = window.limitDsn - window.consumedBytes;
            expect(creditBytes).toBeLessThanOrEqual(Math.max(budget.usedBytes, FLOOR_WINDOW_BYTES));
            expect(budget.usedBytes).toBeLessThanOrEqual(limit * PROMISED_SHARE);
          }
          window.close();
          expect(budget.usedBytes).toBe(0);
        },
      ),
    );
  });
});
