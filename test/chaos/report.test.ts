import { expect, test } from 'vitest';
import { isDoubtful } from './report.ts';

const BUSY = { meanMs: 20, mostMs: 200 };
const STOOD_STILL = { meanMs: 1, mostMs: 3_000 };
const IDLE = { meanMs: 0.3, mostMs: 40 };
const HANGS = ['fetch 1 hangs'];

test.each([
  {
    what: 'something hangs on a busy machine',
    findings: HANGS,
    isCertain: false,
    lateness: BUSY,
    again: true,
  },
  { what: 'on one that stood still', findings: HANGS, isCertain: false, lateness: STOOD_STILL, again: true },
  { what: 'on an idle one', findings: HANGS, isCertain: false, lateness: IDLE, again: false },
  { what: 'a byte was lost', findings: ['wrong bytes'], isCertain: true, lateness: BUSY, again: false },
  { what: 'nothing was found', findings: [], isCertain: false, lateness: BUSY, again: false },
])('a seed is played again where $what: $again', ({ again, ...outcome }) => {
  expect(isDoubtful(outcome)).toBe(again);
});
