import { expect, test } from 'vitest';
import { USE_CASES } from './cases/all.ts';
import { parseOptions } from './options.ts';

test('all of them unless told; a name stands for its variants', () => {
  expect(parseOptions([])).toMatchObject({ useCases: USE_CASES, out: 'use-case-results', isList: false });
  const chosen = parseOptions(['hot-plug', 'data-centre', '--out', 'x']);
  expect(chosen?.useCases.map(({ name }) => name)).toEqual([
    'data-centre/one-subflow',
    'data-centre/eight-subflows',
    'hot-plug',
  ]);
  expect(parseOptions(['--help'])).toBeUndefined();
});

test('a name that is none is told, with those that are', () => {
  expect(() => parseOptions(['sir'])).toThrow(/no use case "sir"; there are .*siri\/make-before-break/);
  expect(() => parseOptions(['--quick'])).toThrow();
});

test('names are unique', () => {
  expect(new Set(USE_CASES.map(({ name }) => name)).size).toBe(USE_CASES.length);
});
