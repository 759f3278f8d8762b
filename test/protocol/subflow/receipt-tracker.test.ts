import { describe, expect, it } from 'vitest';
import { ReceiptTracker } from '../../../shared/protocol/subflow/receipt-tracker.ts';
import { RECEIPT_EAGER_BYTES, RECEIPT_INTERVAL_MS } from '../../../shared/protocol/tunables.ts';

const NEVER = Number.POSITIVE_INFINITY;

describe('ReceiptTracker', () => {
  it('owes a receipt within the interval after the first bytes that ask for one', () => {
    const tracker = new ReceiptTracker();
    expect(tracker.dueMs).toBe(NEVER);
    tracker.onParsed(100, true, 1_000);
    tracker.onParsed(50, true, 1_003);
    expect(tracker.dueMs).toBe(1_000 + RECEIPT_INTERVAL_MS);
    expect(tracker.take(7, 1_004.5)).toEqual({ subflowId: 7, delayMicroseconds: 1_500, bytes: 150 });
    expect(tracker.dueMs).toBe(NEVER);
  });

  it('owes none for receipts, but counts them with the next', () => {
    const tracker = new ReceiptTracker();
    tracker.onParsed(24, false, 10);
    expect([tracker.dueMs, tracker.take(1, 20)]).toEqual([NEVER, undefined]);
    tracker.onParsed(8, true, 30);
    expect(tracker.take(1, 30)).toEqual({ subflowId: 1, delayMicroseconds: 0, bytes: 32 });
  });

  it('is due at once after many bytes', () => {
    const tracker = new ReceiptTracker();
    tracker.onParsed(RECEIPT_EAGER_BYTES - 1, true, 10);
    expect(tracker.dueMs).toBe(10 + RECEIPT_INTERVAL_MS);
    tracker.onParsed(1, true, 11);
    expect(tracker.dueMs).toBe(10);
    tracker.take(1, 11);
    tracker.onParsed(1, true, 12);
    expect(tracker.dueMs).toBe(12 + RECEIPT_INTERVAL_MS);
  });

  it('says the last one again when asked, but never speaks of a subflow that brought nothing', () => {
    const tracker = new ReceiptTracker();
    tracker.repeat(5);
    expect(tracker.take(1, 5)).toBeUndefined();
    tracker.onParsed(9, true, 10);
    tracker.take(1, 10);
    tracker.repeat(50);
    expect(tracker.dueMs).toBeLessThanOrEqual(50 + RECEIPT_INTERVAL_MS);
    expect(tracker.take(1, 60)).toEqual({ subflowId: 1, delayMicroseconds: 50_000, bytes: 9 });
  });

  it('says a delay that no field can hold as the longest one', () => {
    const tracker = new ReceiptTracker();
    tracker.onParsed(9, true, 0);
    expect(tracker.take(1, 10_000_000)?.delayMicroseconds).toBe(0xffff_ffff);
  });
});
