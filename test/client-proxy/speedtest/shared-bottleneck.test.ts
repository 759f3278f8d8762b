import { expect, it } from 'vitest';
import { isShared, joinedGroups, suspectedPairs } from '../../../client-proxy/speedtest/shared-bottleneck.ts';

const rates = (values: Readonly<Record<string, number>>) => new Map(Object.entries(values));

it.each([
  ['nobody is held back', { a: 20, b: 30 }, { a: 19, b: 29 }, []],
  ['one varies, as a lossy link does', { a: 20, b: 5 }, { a: 20, b: 3 }, []],
  ['two are held back', { a: 20, b: 20, c: 30 }, { a: 10, b: 10, c: 30 }, [['a', 'b']]],
  ['one brought nothing', { a: 20, b: 20 }, { a: 20 }, []],
  [
    'all are held back',
    { a: 20, b: 20, c: 20 },
    { a: 7, b: 7, c: 6 },
    [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'c'],
    ],
  ],
])('suspects: %s', (_, alone, beside, pairs) => {
  expect(suspectedPairs(rates(alone), rates(beside))).toEqual(pairs);
});

it.each([
  ['a line of 20', { a: 20, b: 20 }, { a: 11, b: 9 }, true],
  ['a line of 20, of which one may have 10', { a: 20, b: 10 }, { a: 12, b: 8 }, true],
  ['two lines', { a: 20, b: 20 }, { a: 19, b: 19 }, false],
  ['two lines of which one varies', { a: 20, b: 6 }, { a: 18, b: 5 }, false],
  ['very unequal ones that vary by a tenth', { a: 100, b: 20 }, { a: 91, b: 19 }, false],
])('judges a pair: %s', (_, alone, together, shared) => {
  expect(isShared(['a', 'b'], rates(alone), rates(together))).toBe(shared);
});

it('joins pairs with an uplink in common', () => {
  expect(
    joinedGroups([
      ['a', 'b'],
      ['c', 'd'],
      ['b', 'c'],
      ['e', 'f'],
    ]),
  ).toEqual([
    ['a', 'b', 'c', 'd'],
    ['e', 'f'],
  ]);
  expect(joinedGroups([])).toEqual([]);
});
