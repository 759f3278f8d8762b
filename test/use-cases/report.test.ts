import { expect, test } from 'vitest';
import { atLeast, atMost, exactly, isMet, shown } from './check.ts';
import { reportText } from './report.ts';
import type { Outcome } from './run-use-case.ts';

test('a check holds at its bound; NaN never does', () => {
  expect([atLeast('', 2, 2), atMost('', 2, 2), exactly('', 2, 2), shown('', Number.NaN)].every(isMet)).toBe(
    true,
  );
  expect([atLeast('', 1.9, 2), atMost('', 2.1, 2), exactly('', 1, 2)].some(isMet)).toBe(false);
  const none = Number.NaN;
  expect([atLeast('', none, 0), atMost('', none, 0), exactly('', none, none)].some(isMet)).toBe(false);
});

test('says what was required, what was found, and what of it does not hold', () => {
  const outcome: Outcome = {
    name: 'map',
    title: 'a map',
    requirement: 'it is quick',
    client: {},
    verdict: 'missed',
    checks: [atMost('median', 123.4, 100, 'ms'), shown('pieces', 12)],
    complaints: ['echo: reset'],
    events: [],
    rates: {},
    stepMs: 100,
  };
  expect(reportText(outcome).split('\n')).toEqual([
    'map: a map: MISSED',
    '  required: it is quick',
    '  MISSED  median  123  ms  at most 100',
    '          pieces   12',
    '  an application failed: echo: reset',
  ]);
  const machine = { emulatorLateUs: 700, cpuWaitShare: 0.5 };
  expect(reportText({ ...outcome, verdict: 'too slow', machine, error: 'no subflow' })).toMatch(
    /TOO SLOW[\s\S]*went wrong: no subflow\n.*late by 700 us.* 50 %/,
  );
});
