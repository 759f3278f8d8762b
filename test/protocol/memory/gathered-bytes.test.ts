import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatheredBytes } from '../../../shared/protocol/memory/gathered-bytes.ts';
import { patternBytes } from '../support.ts';

describe('GatheredBytes', () => {
  it('gives back what was added, in order, and then nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(3_000), { maxLength: 30 }), { maxLength: 4 }), (rounds) => {
        const gathered = new GatheredBytes();
        for (const lengths of rounds) {
          let dsn = 0;
          for (const length of lengths) {
            gathered.add(patternBytes(dsn, length));
            dsn += length;
          }
          expect(gathered.length).toBe(dsn);
          expect(Buffer.concat(gathered.take()).equals(patternBytes(0, dsn))).toBe(true);
          expect([gathered.length, gathered.take()]).toEqual([0, []]);
        }
      }),
    );
  });

  it.each([1, 10, 1_000, 5_000])(
    'takes little more memory than there are bytes, in pieces of %d, and few buffers',
    (pieceBytes) => {
      const gathered = new GatheredBytes();
      const totalBytes = 1_000_000;
      for (let added = 0; added < totalBytes; added += pieceBytes) gathered.add(new Uint8Array(pieceBytes));
      const pieces = gathered.take();
      const memoryBytes = pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
      expect(memoryBytes).toBeLessThan(totalBytes * 1.6);
      expect(pieces.length).toBeLessThan(60);
    },
  );
});
