import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, joinSmall } from '../../../shared/protocol/codec/bytes.ts';

describe('joinSmall', () => {
  test('copies small neighbours together and leaves large ones as they are', () => {
    const [a, b, large, c, d] = [1, 2, 10, 3, 4].map((length) => new Uint8Array(length).fill(length));
    const joined = joinSmall([a!, b!, large!, c!, large!, large!, c!, d!], 5);
    expect(joined.map(({ length }) => length)).toEqual([3, 10, 3, 10, 10, 7]);
    expect(joined[1]).toBe(large);
    expect(joined[2]).toBe(c);
  });

  test('never changes the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), fc.nat(9), (buffers, smallBytes) => {
        expect(concatBytes(...joinSmall(buffers, smallBytes))).toEqual(concatBytes(...buffers));
      }),
    );
  });
});
