import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger, type LedgerEntry, type LedgerItem } from '../../../shared/protocol/subflow/ledger.ts';

const CONTROL: LedgerItem = { kind: 'control' };
const RECEIPT: LedgerItem = { kind: 'receipt' };

function entry(endOffset: number, item: LedgerItem): LedgerEntry {
  const sendState = { deliveredBytes: 0, deliveredMs: 0, firstSentMs: 0, applicationLimited: false };
  return { item, endOffset, sentMs: endOffset, ...sendState };
}

describe('Ledger', () => {
  it('gives back each frame once, when a receipt covers it whole', () => {
    const frame = fc.record({ bytes: fc.integer({ min: 8, max: 100 }), elicits: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 300 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }),
        (frames, receipts) => {
          const ledger = new Ledger();
          let written = 0;
          const ends = frames.map(({ bytes, elicits }) => {
            written += bytes;
            ledger.append(entry(written, elicits ? CONTROL : RECEIPT));
            return written;
          });
          expect([ledger.writtenBytes, ledger.length]).toEqual([written, frames.length]);
          const found: number[] = [];
          for (const share of [...receipts.sort((a, b) => a - b), 1]) {
            const bytes = Math.floor(share * written);
            for (const receipted of ledger.receipt(bytes)) found.push(receipted.endOffset);
            expect(found).toEqual(ends.filter((end) => end <= bytes));
            expect(ledger.inFlightBytes).toBe(written - bytes);
            expect([...ledger.oldestEntries()].map((left) => left.endOffset)).toEqual(
              ends.filter((end) => end > bytes),
            );
            expect(ledger.awaitsReceipt).toBe(frames.some(({ elicits }, i) => elicits && ends[i]! > bytes));
          }
          expect(ledger.length).toBe(0);
        },
      ),
    );
  });

  it('gives each entry out once to be sent elsewhere', () => {
    const ledger = new Ledger();
    const surrendered = () => ledger.surrender().map(({ endOffset }) => endOffset);
    for (let end = 10; end <= 30; end += 10) ledger.append(entry(end, CONTROL));
    ledger.receipt(10);
    expect([surrendered(), surrendered()]).toEqual([[20, 30], []]);
    ledger.append(entry(40, CONTROL));
    ledger.receipt(20);
    expect([surrendered(), surrendered()]).toEqual([[40], []]);
  });

  it('asks of each entry until it is settled, and then not again', () => {
    const ledger = new Ledger();
    const asked = new Map<number, number>();
    const settled = new Set<number>();
    const areSettled = () =>
      ledger.areSettled(({ endOffset }) => {
        asked.set(endOffset, (asked.get(endOffset) ?? 0) + 1);
        return settled.has(endOffset);
      });
    const count = 1_000;
    for (let end = 1; end <= count; end++) ledger.append(entry(end, CONTROL));
    expect(areSettled()).toBe(false);
    for (let end = 1; end < count; end++) settled.add(end);
    for (let look = 1; look <= 10; look++) {
      // Byte by byte, and at last enough for what is receipted to be forgotten.
      ledger.receipt(look < 10 ? look : count - 10);
      expect(areSettled()).toBe(false);
    }
    settled.add(count);
    expect(areSettled()).toBe(true);
    asked.delete(count);
    expect(Math.max(...asked.values())).toBeLessThanOrEqual(2);
    ledger.append(entry(count + 1, CONTROL));
    expect(areSettled()).toBe(false);
  });

  it('shows no more of the oldest than asked for', () => {
    const ledger = new Ledger();
    for (let end = 10; end <= 50; end += 10) ledger.append(entry(end, RECEIPT));
    ledger.receipt(15);
    expect([...ledger.oldestEntries(2)].map(({ endOffset }) => endOffset)).toEqual([20, 30]);
    expect([...ledger.oldestEntries(9)]).toHaveLength(4);
  });
});
