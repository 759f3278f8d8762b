import { expect, test } from 'vitest';
import { parseOptions } from './options.ts';

test('one seed for 30 minutes unless told', () => {
  expect(parseOptions([])).toEqual({ seeds: [1], minutes: 30, out: 'chaos-results' });
});

test('seeds and minutes are as told', () => {
  expect(parseOptions(['--seed', '7', '--minutes', '0.5'])).toMatchObject({ seeds: [7], minutes: 0.5 });
  expect(parseOptions(['--seed', '3..5'])).toMatchObject({ seeds: [3, 4, 5] });
});

test('help is help', () => {
  expect(parseOptions(['--help'])).toBeUndefined();
});

test.each([
  [['--seed', 'x'], '--seed x'],
  [['--seed', '3..1'], '--seed 3..1'],
  [['--seed', '1..99999'], '--seed 1..99999'],
  [['--minutes', '0'], '--minutes 0'],
  [['--minutes', 'long'], '--minutes long'],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});
