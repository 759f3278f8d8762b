import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SendBuffer } from '../../../shared/protocol/stream/send-buffer.ts';
import { CountingChunk, patternBytes } from '../support.ts';

function filled(
  lengths: readonly number[],
  headroomBytes = 0,
): { buffer: SendBuffer; chunks: CountingChunk[] } {
  const buffer = new SendBuffer();
  const chunks: CountingChunk[] = [];
  for (const length of lengths) {
    const chunk = new CountingChunk(patternBytes(buffer.endDsn, length), headroomBytes);
    chunks.push(chunk);
    buffer.append(chunk);
  }
  return { buffer, chunks };
}

const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 80 });
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
        const { buffer, chunks } = filled(sizes);
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
        };
        for (const [at, length] of deliveries) {
          const start = Math.floor(at * buffer.endDsn);
          const end = Math.min(start + length, buffer.endDsn);
          buffer.markDelivered(start, end);
          delivered.fill(true, start, end);
          check();
          const missing = buffer.undelivered(0, buffer.endDsn).flatMap((range) => {
            return Array.from({ length: range.end - range.start }, (_, i) => range.start + i);
          });
          expect(missing).toEqual([...delivered.keys()].filter((dsn) => !delivered[dsn]));
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
    const { buffer, chunks } = filled([10, 10, 10]);
    buffer.markDelivered(0, 12);
    buffer.releaseAll();
    buffer.releaseAll();
    buffer.markDelivered(12, 30);
    expect(chunks.map((chunk) => chunk.releases)).toEqual([1, 1, 1]);
  });

  it('stays short while a long transfer goes through it', () => {
    const buffer = new SendBuffer();
    for (let i = 0; i < 1_000; i++) {
      const chunk = new CountingChunk(patternBytes(i * 10, 10));
      buffer.append(chunk);
      expect(Buffer.concat(buffer.slices(i * 10 + 3, 7)).equals(patternBytes(i * 10 + 3, 7))).toBe(true);
      buffer.markDelivered(i * 10, i * 10 + 10);
      expect(chunk.releases).toBe(1);
    }
  });

  it('lends a chunk for its header only whole, and only with room in front', () => {
    const { buffer, chunks } = filled([10, 20], 24);
    expect(buffer.wholeChunk(0, 10, 24)).toBe(chunks[0]);
    expect(buffer.wholeChunk(10, 20, 24)).toBe(chunks[1]);
    expect(buffer.wholeChunk(10, 20, 25)).toBeUndefined();
    expect(buffer.wholeChunk(0, 9, 24)).toBeUndefined();
    expect(buffer.wholeChunk(1, 9, 24)).toBeUndefined();
    expect(buffer.wholeChunk(0, 30, 24)).toBeUndefined();
    expect(buffer.wholeChunk(30, 0, 24)).toBeUndefined();
  });
});
