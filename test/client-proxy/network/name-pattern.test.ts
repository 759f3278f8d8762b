import { expect, it } from 'vitest';
import { matchesPattern } from '../../../client-proxy/network/name-pattern.ts';

it.each([
  ['eth0', 'eth0', true],
  ['eth0', 'eth', false],
  ['eth0', 'eth?', true],
  ['eth10', 'eth?', false],
  ['wwan0', 'wwan*', true],
  ['wwan', 'wwan*', true],
  ['enx02ab', 'enx*ab', true],
  ['enx02abc', 'enx*ab', false],
  ['abab', '*ab', true],
  ['eth0.7', 'eth0.7', true],
  ['eth017', 'eth0.7', false],
  ['x', '*', true],
  ['aaaaaaaaaaaaaaa', '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b', false],
])('%s against %s: %s', (name, pattern, expected) => {
  expect(matchesPattern(name, pattern)).toBe(expected);
});
