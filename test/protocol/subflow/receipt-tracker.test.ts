import { describe, expect, it } from 'vitest';
import { RECEIPT_TUNING, ReceiptTracker } from '../../../shared/protocol/subflow/receipt-tracker.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

const NEVER = Number.POSITIVE_INFINITY;

describe('ReceiptTracker', () => {
  it('owes a receipt within the interval after the first bytes that ask for one', () => {
    const tracker = new ReceiptTracker(now, RECEIPT_TUNING);
    expect(tracker.dueMs).toBe(NEVER);
    at(1_000, tracker).onParsed(100, true);
    at(1_003, tracker).onParsed(50, true);
    expect(tracker.dueMs).toBe(1_000 + RECEIPT_TUNING.intervalMs);
    expect(at(1_004.5, tracker).take(7)).toEqual({ subflowId: 7, delayMicroseconds: 1_500, bytes: 150 });
    expect(tracker.dueMs).toBe(NEVER);
  });

  it('owes none for receipts, but counts them with the next', () => {
    const tracker = new ReceiptTracker(now, RECEIPT_TUNING);
    at(10, tracker).onParsed(24, false);
    expect([tracker.dueMs, at(20, tracker).take(1)]).toEqual([NEVER, undefined]);
    at(30, tracker).onParsed(8, true);
    expect(at(30, tracker).take(1)).toEqual({ subflowId: 1, delayMicroseconds: 0, bytes: 32 });
  });

  it('is due at once after many bytes', () => {
    const tracker = new ReceiptTracker(now, RECEIPT_TUNING);
    at(10, tracker).onParsed(RECEIPT_TUNING.eagerBytes - 1, true);
    expect(tracker.dueMs).toBe(10 + RECEIPT_TUNING.intervalMs);
    at(11, tracker).onParsed(1, true);
    expect(tracker.dueMs).toBe(10);
    at(11, tracker).take(1);
    at(12, tracker).onParsed(1, true);
    expect(tracker.dueMs).toBe(12 + RECEIPT_TUNING.intervalMs);
  });

  it('says the last one again when asked, but never speaks of a subflow that brought nothing', () => {
    const tracker = new ReceiptTracker(now, RECEIPT_TUNING);
    at(5, tracker).repeat();
    expect(at(5, tracker).take(1)).toBeUndefined();
    at(10, tracker).onParsed(9, true);
    at(10, tracker).take(1);
    at(50, tracker).repeat();
    expect(tracker.dueMs).toBeLessThanOrEqual(50 + RECEIPT_TUNING.intervalMs);
    expect(at(60, tracker).take(1)).toEqual({ subflowId: 1, delayMicroseconds: 50_000, bytes: 9 });
  });

  it('says a delay that no field can hold as the longest one', () => {
    const tracker = new ReceiptTracker(now, RECEIPT_TUNING);
    at(0, tracker).onParsed(9, true);
    expect(at(10_000_000, tracker).take(1)?.delayMicroseconds).toBe(0xffff_ffff);
  });
});
