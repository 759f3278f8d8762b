import { expect, test } from 'vitest';
import { USE_CASES } from './cases/all.ts';
import { parseOptions } from './options.ts';

test('all of them unless told; a name stands for its variants', () => {
  expect(parseOptions([])).toEqual({
    ...{ useCases: USE_CASES, out: 'use-case-results', atOnce: 1, isList: false },
  });
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

test('some at once, as many as can be measured', () => {
  expect(parseOptions(['--at-once', '3'])).toMatchObject({ atOnce: 3 });
  for (const wrong of ['0', '5', '1.5', 'x'])
    expect(() => parseOptions(['--at-once', wrong])).toThrow(`--at-once ${wrong}: expected 1 to 4`);
});

test('names are unique', () => {
  expect(new Set(USE_CASES.map(({ name }) => name)).size).toBe(USE_CASES.length);
});
