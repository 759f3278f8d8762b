import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PIECE_BYTES } from '../../../shared/protocol/memory/footprint.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { SendBuffer } from '../../../shared/protocol/stream/send-buffer.ts';
import { CountingChunk, patternBytes } from '../support.ts';

/** From here on, chunks are not copied together. */
const LARGE = 4 * 1024;

function filled(
  lengths: readonly number[],
  headroomBytes = 0,
  memory = new MemoryBudget(0),
): { buffer: SendBuffer; chunks: CountingChunk[] } {
  const buffer = new SendBuffer(memory);
  const chunks: CountingChunk[] = [];
  for (const length of lengths) {
    const chunk = new CountingChunk(patternBytes(buffer.endDsn, length), headroomBytes);
    chunks.push(chunk);
    buffer.append(chunk);
  }
  return { buffer, chunks };
}

const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 80 });
const anyLengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(LARGE)), {
  minLength: 1,
  maxLength: 40,
});
/** Fractions, so that they fit whatever the buffer's length is. */
const ranges = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(200)), { maxLength: 60 });

describe('SendBuffer', () => {
  it('gives any bytes back as they lie in memory, cut at the most pieces a frame may have', () => {
    fc.assert(
      fc.property(lengths, ranges, (sizes, wanted) => {
        const { buffer } = filled(sizes);
        for (const [at, most] of wanted) {
          const dsn = Math.floor(at * buffer.endDsn);
          const length = buffer.frameBytes(dsn, most);
          expect(length).toBeLessThanOrEqual(Math.min(most, buffer.endDsn - dsn));
          if (most > 0 && dsn < buffer.endDsn) expect(length).toBeGreaterThan(0);
          const slices = buffer.slices(dsn, length);
          expect(slices.length).toBeLessThanOrEqual(64);
          expect(Buffer.concat(slices).equals(patternBytes(dsn, length))).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('releases each chunk exactly once, as soon as all up to its end is delivered', () => {
    fc.assert(
      fc.property(lengths, ranges, (sizes, deliveries) => {
        const memory = new MemoryBudget(0);
        const { buffer, chunks } = filled(
          sizes.map((size) => size + LARGE),
          0,
          memory,
        );
        const delivered = new Array<boolean>(buffer.endDsn).fill(false);
        const check = () => {
          const hole = delivered.indexOf(false);
          const deliveredTo = hole < 0 ? buffer.endDsn : hole;
          expect(buffer.deliveredTo).toBe(deliveredTo);
          let end = 0;
          for (const chunk of chunks) {
            end += chunk.bytes.length;
            expect(chunk.releases).toBe(end <= deliveredTo ? 1 : 0);
          }
          const held = chunks.filter(({ releases }) => releases === 0);
          const heldBytes = held.reduce((sum, { bytes }) => sum + bytes.length + PIECE_BYTES, 0);
          expect(memory.usedBytes).toBe(heldBytes);
        };
        for (const [at, length] of deliveries) {
          const start = Math.floor(at * buffer.endDsn);
          const end = Math.min(start + length, buffer.endDsn);
          buffer.markDelivered(start, end);
          delivered.fill(true, start, end);
          check();
          const missing = new Array<boolean>(buffer.endDsn).fill(false);
          for (const range of buffer.undelivered(0, buffer.endDsn))
            missing.fill(true, range.start, range.end);
          expect(missing.every((isMissing, dsn) => isMissing !== delivered[dsn])).toBe(true);
        }
        buffer.markDelivered(0, buffer.endDsn);
        delivered.fill(true);
        check();
        buffer.releaseAll();
        expect(chunks.every((chunk) => chunk.releases === 1)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('releases what is left, once, when the stream is reset', () => {
    const memory = new MemoryBudget(0);
    const { buffer, chunks } = filled([LARGE, 10, LARGE], 0, memory);
    buffer.markDelivered(0, LARGE + 2);
    buffer.releaseAll();
    buffer.releaseAll();
    buffer.markDelivered(LARGE + 2, 2 * LARGE + 10);
    expect(chunks.map((chunk) => chunk.releases)).toEqual([1, 1, 1]);
    expect(memory.usedBytes).toBe(0);
  });

  it('copies small chunks together, so that they take little more than their bytes', () => {
    const memory = new MemoryBudget(0);
    const { buffer, chunks } = filled(new Array(20_000).fill(1), 24, memory);
    expect(chunks.slice(1).every(({ releases }) => releases === 1)).toBe(true);
    expect(memory.usedBytes).toBeLessThan(2 * 20_000);
    expect(Buffer.concat(buffer.slices(5, 19_990)).equals(patternBytes(5, 19_990))).toBe(true);
    buffer.markDelivered(0, 20_000);
    expect([chunks[0]!.releases, memory.usedBytes]).toEqual([1, 0]);
  });

  it('gives the same bytes back, whether copied or not, while some are delivered and more come', () => {
    fc.assert(
      fc.property(anyLengths, fc.array(fc.nat(100), { maxLength: 40 }), (sizes, delays) => {
        const memory = new MemoryBudget(0);
        const buffer = new SendBuffer(memory);
        const taken: { dsn: number; slices: Uint8Array[] }[] = [];
        let delivered = 0;
        sizes.forEach((length, i) => {
          const dsn = buffer.endDsn;
          buffer.append(new CountingChunk(patternBytes(dsn, length)));
          taken.push({ dsn: delivered, slices: buffer.slices(delivered, buffer.endDsn - delivered) });
          for (const { dsn: start, slices } of taken) {
            const bytes = Buffer.concat(slices);
            expect(bytes.equals(patternBytes(start, bytes.length))).toBe(true);
          }
          const to = Math.max(delivered, buffer.endDsn - (delays[i] ?? 0));
          buffer.markDelivered(delivered, to);
          delivered = to;
        });
        buffer.markDelivered(delivered, buffer.endDsn);
        expect(memory.usedBytes).toBe(0);
      }),
    );
  });

  it('stays short while a long transfer goes through it', () => {
    const buffer = new SendBuffer(new MemoryBudget(0));
    for (let i = 0; i < 1_000; i++) {
      const chunk = new CountingChunk(patternBytes(i * 10, 10));
      buffer.append(chunk);
      expect(Buffer.concat(buffer.slices(i * 10 + 3, 7)).equals(patternBytes(i * 10 + 3, 7))).toBe(true);
      buffer.markDelivered(i * 10, i * 10 + 10);
      expect(chunk.releases).toBe(1);
    }
  });

  it('lends a chunk for its header only whole, and only with room in front', () => {
    const { buffer, chunks } = filled([10, LARGE, 10, 10], 24);
    expect(buffer.wholeChunk(0, 10, 24)).toBe(chunks[0]);
    expect(buffer.wholeChunk(10, LARGE, 24)).toBe(chunks[1]);
    expect(buffer.wholeChunk(10, LARGE, 25)).toBeUndefined();
    expect(buffer.wholeChunk(0, 9, 24)).toBeUndefined();
    expect(buffer.wholeChunk(1, 9, 24)).toBeUndefined();
    expect(buffer.wholeChunk(0, 10 + LARGE, 24)).toBeUndefined();
    // Copied behind the one before it.
    expect(buffer.wholeChunk(20 + LARGE, 10, 24)).toBeUndefined();
    expect(buffer.wholeChunk(30 + LARGE, 0, 24)).toBeUndefined();
  });
});
