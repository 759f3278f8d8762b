import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { WINDOW_TUNING } from '../../../shared/protocol/stream/receive-window.ts';
import {
  MAX_REORDER_ENTRIES,
  MELT_BELOW_BYTES,
  ReorderBuffer,
} from '../../../shared/protocol/stream/reorder-buffer.ts';
import { patternByte, patternBytes, thrownBy } from '../support.ts';

const SPACE = 300;
const segment = fc.record({ dsn: fc.nat(SPACE), length: fc.nat(60) });

function insert(buffer: ReorderBuffer, dsn: number, bytes: Uint8Array): Uint8Array[] {
  return buffer.insert(dsn, bytes, new OwnBytes(bytes)).map((chunk) => chunk.bytes);
}

describe('ReorderBuffer', () => {
  it('hands on each byte once and in order, whatever overlaps', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 60 }), (segments) => {
        const buffer = new ReorderBuffer();
        const seen = new Array<boolean>(SPACE + 60).fill(false);
        const handedOn: number[] = [];
        for (const { dsn, length } of segments) {
          for (const bytes of insert(buffer, dsn, patternBytes(dsn, length))) handedOn.push(...bytes);
          seen.fill(true, dsn, dsn + length);
          const firstHole = seen.indexOf(false);
          expect(buffer.nextDsn).toBe(firstHole);
          expect(handedOn).toHaveLength(firstHole);
          expect(buffer.bufferedBytes).toBe(seen.filter((has) => has).length - firstHole);
        }
        expect(handedOn.every((byte, dsn) => byte === patternByte(dsn))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps nothing once all holes are filled', () => {
    const buffer = new ReorderBuffer();
    insert(buffer, 10, patternBytes(10, 10));
    insert(buffer, 30, patternBytes(30, 10));
    insert(buffer, 0, patternBytes(0, 35));
    expect([buffer.nextDsn, buffer.bufferedBytes, buffer.entryCount]).toEqual([40, 0, 0]);
  });

  it('does not keep the read that a slice came in while it waits, and does not copy what need not wait', () => {
    const buffer = new ReorderBuffer();
    const read = new Uint8Array(new ArrayBuffer(65_536), 0, 32_768);
    insert(buffer, 1, read);
    const first = patternBytes(0, 1);
    const [unkept, kept] = insert(buffer, 0, first);
    expect(unkept?.buffer).toBe(first.buffer);
    expect(kept?.buffer).not.toBe(read.buffer);
  });

  it('melts small neighbours, and copies little for each', () => {
    const buffer = new ReorderBuffer();
    const large = new Uint8Array(2 * MELT_BELOW_BYTES);
    insert(buffer, 10, large);
    // From both sides, and never into one that has become long.
    const count = 3 * MELT_BELOW_BYTES;
    const start = 10 + large.length;
    for (let i = 0; i < count; i++) {
      insert(buffer, start + i, patternBytes(start + i, 1));
      insert(buffer, start + 2 * count - i, patternBytes(start + 2 * count - i, 1));
    }
    expect(buffer.entryCount).toBeLessThan(10);
    const [, , kept, ...rest] = insert(buffer, 0, patternBytes(0, 10)).concat(
      insert(buffer, start + count, patternBytes(start + count, 1)),
    );
    expect(kept?.length).toBeLessThanOrEqual(2 * MELT_BELOW_BYTES);
    expect(rest.every(({ length }) => length <= 2 * MELT_BELOW_BYTES)).toBe(true);
  });

  it('takes the largest window in small pieces', () => {
    const buffer = new ReorderBuffer();
    const length = MELT_BELOW_BYTES / 2 + 1;
    const piece = new Uint8Array(length);
    for (let dsn = 1; dsn + length <= WINDOW_TUNING.maxBytes; dsn += length) insert(buffer, dsn, piece);
    expect(buffer.entryCount).toBeLessThan(MAX_REORDER_ENTRIES);
  });

  it('keeps tiny pieces with as many holes as it may at a price that does not grow', () => {
    const buffer = new ReorderBuffer();
    for (let i = 1; i < MAX_REORDER_ENTRIES; i++) insert(buffer, i * 100, patternBytes(i * 100, 1));
    for (let i = 1; i < 50; i++) {
      for (let at = 1; at < MAX_REORDER_ENTRIES; at += 2)
        insert(buffer, at * 100 + i, patternBytes(at * 100 + i, 1));
    }
    // 200000 pieces: with a look at all others for each it takes a minute, and the test its time.
    expect(buffer.entryCount).toBe(MAX_REORDER_ENTRIES - 1);
  });

  it('melts neighbours beyond its bound, and loses nothing', () => {
    const buffer = new ReorderBuffer();
    const count = MAX_REORDER_ENTRIES + 10;
    for (let dsn = 1; dsn <= count; dsn++) insert(buffer, dsn, patternBytes(dsn, 1));
    expect(buffer.entryCount).toBeLessThan(20);
    expect(buffer.bufferedBytes).toBe(count);
    const out = Buffer.concat(insert(buffer, 0, patternBytes(0, 1)));
    expect(out.equals(patternBytes(0, count + 1))).toBe(true);
  });

  it('keeps holes when it melts', () => {
    const buffer = new ReorderBuffer();
    // Triples with a hole between them: three entries melt into one.
    const triples = Math.ceil(MAX_REORDER_ENTRIES / 3) + 1;
    for (let i = 0; i < triples; i++) {
      for (let j = 1; j <= 3; j++) insert(buffer, i * 4 + j, patternBytes(i * 4 + j, 1));
    }
    expect(buffer.entryCount).toBeLessThanOrEqual(triples + 3);
    const out: Uint8Array[] = [];
    for (let i = 0; i < triples; i++) out.push(...insert(buffer, i * 4, patternBytes(i * 4, 1)));
    expect(Buffer.concat(out).equals(patternBytes(0, triples * 4))).toBe(true);
  });

  it('refuses more holes than melting can mend', () => {
    const buffer = new ReorderBuffer();
    const add = (i: number) => insert(buffer, 1 + i * 2, Uint8Array.of(1));
    for (let i = 0; i < MAX_REORDER_ENTRIES; i++) add(i);
    expect(buffer.entryCount).toBe(MAX_REORDER_ENTRIES);
    expect(thrownBy(() => add(MAX_REORDER_ENTRIES))).toEqual({
      code: 'resourceExceeded',
      name: 'ProtocolViolation',
    });
  });
});
