import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../shared/protocol/codec/bytes.ts';
import { RECORD_BYTES, releaseReceived } from '../../../shared/runtime/subflow/receive-pool.ts';
import { compactReceived } from '../../../shared/runtime/subflow/received-pieces.ts';
import { SlabReading } from './slab-reading.ts';

describe('received pieces made compact', () => {
  it('are the same bytes, and each is handed back once', () => {
    const reading = new SlabReading();
    for (let i = 1; i < 300; i++) {
      const lengths = [i, RECORD_BYTES, i * 7, RECORD_BYTES, 1, 2];
      const pieces = lengths.map((length, at) => reading.read((i + at) % 251, length));
      // Without every third, as when pieces of other streams lie between them.
      const ours = pieces.filter((_, at) => at % 3 !== i % 3);
      const expected = concatBytes(...ours);
      const compact = compactReceived(ours);
      for (const piece of pieces) if (!ours.includes(piece)) releaseReceived(piece);
      expect(Buffer.compare(concatBytes(...compact), expected)).toBe(0);
      for (const piece of compact) releaseReceived(piece);
    }
    expect(reading.slabs.size).toBeLessThan(10);
  });

  it('are not copied where they are long, and one where they are neighbours', () => {
    const reading = new SlabReading();
    const pieces = Array.from({ length: 8 }, (_, i) => reading.read(i, RECORD_BYTES));
    const compact = compactReceived(pieces);
    expect(compact.length).toBeLessThan(4);
    expect(compact.every(({ buffer }) => reading.slabs.has(buffer))).toBe(true);
    expect(Buffer.compare(concatBytes(...compact), concatBytes(...pieces))).toBe(0);
  });

  it('are left alone where they are short and of no slab', () => {
    const piece = new Uint8Array(100).subarray(24);
    expect(compactReceived([piece])[0]).toBe(piece);
  });
});
