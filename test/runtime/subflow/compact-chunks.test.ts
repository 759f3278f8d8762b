import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../shared/protocol/codec/bytes.ts';
import { type Chunk, OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { compactChunks } from '../../../shared/runtime/subflow/compact-chunks.ts';
import { RECORD_BYTES } from '../../../shared/runtime/subflow/receive-pool.ts';
import { SlabReading } from './slab-reading.ts';

function whole(chunks: readonly Chunk[]): Uint8Array {
  return concatBytes(...chunks.map(({ bytes }) => bytes));
}

describe('received chunks made compact', () => {
  it('are the same bytes, and each is given back once', () => {
    const reading = new SlabReading();
    for (let i = 1; i < 300; i++) {
      const lengths = [i, RECORD_BYTES, i * 7, RECORD_BYTES, 1, 2];
      const chunks = lengths.map((length, at) => reading.read((i + at) % 251, length));
      // Without every third, as when chunks of other streams lie between them.
      const ours = chunks.filter((_, at) => at % 3 !== i % 3);
      const expected = whole(ours);
      const compact = compactChunks(ours);
      for (const chunk of chunks) if (!ours.includes(chunk)) chunk.release();
      expect(Buffer.compare(whole(compact), expected)).toBe(0);
      for (const chunk of compact) chunk.release();
      // A second time would have thrown here, as it does for every chunk that went in.
      for (const chunk of chunks) expect(() => chunk.release()).toThrow(/twice/);
    }
    expect(reading.slabs.size).toBeLessThan(10);
  });

  it('are not copied where they are long, and one where they are neighbours', () => {
    const reading = new SlabReading();
    const chunks = Array.from({ length: 8 }, (_, i) => reading.read(i, RECORD_BYTES));
    const compact = compactChunks(chunks);
    expect(compact.length).toBeLessThan(4);
    expect(compact.every(({ bytes }) => reading.slabs.has(bytes.buffer))).toBe(true);
    expect(Buffer.compare(whole(compact), whole(chunks))).toBe(0);
  });

  it('are left alone where they are short and of no slab', () => {
    const chunk = new OwnBytes(new Uint8Array(100).subarray(24));
    expect(compactChunks([chunk])[0]).toBe(chunk);
  });
});
