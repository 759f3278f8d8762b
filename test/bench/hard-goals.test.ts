import { expect, test } from 'vitest';
import { judge } from './goals.ts';
import { Summary } from './summary.ts';
import { record } from './support/records.ts';

type Run = Parameters<typeof record>;
const single = (uplink: string) => ({ contestant: `single:${uplink}`, uplink });

const CASES: readonly (readonly [what: string, goal: string, met: Run[], missed: Run[]])[] = [
  [
    'more is asked for than of kernel MPTCP where packets are lost',
    "bulk over kernel MPTCP's",
    [
      [{ overSum: 0.92 }, { scenario: 'E13' }],
      [{ overSum: 0.9 }, { scenario: 'E13', contestant: 'kernel-mptcp' }],
    ],
    [
      [{ overSum: 0.91 }, { scenario: 'E13' }],
      [{ overSum: 0.9 }, { scenario: 'E13', contestant: 'kernel-mptcp' }],
    ],
  ],
  [
    'a busy loop may cost two hundredths',
    'beside a busy loop',
    [[{ overSum: 0.92 }, { scenario: 'C1/E1/free' }], [{ overSum: 0.93 }]],
    [[{ overSum: 0.91 }, { scenario: 'C1/E1/free' }], [{ overSum: 0.93 }]],
  ],
  [
    'both directions count when they are filled at once',
    'an upload beside a download',
    [[{ overSum: 0.5, upOverSum: 0.92 }, { workload: 'duplex' }]],
    [[{ overSum: 0.95, upOverSum: 0.91 }, { workload: 'duplex' }]],
  ],
  [
    'opens beside bulk are held against one without',
    'many times 10 kB',
    [
      [{ p50Ms: 50 }, { workload: 'fetch-10k' }],
      [{ p95Ms: 150 }, { workload: 'opens-beside-bulk' }],
    ],
    [
      [{ p50Ms: 50 }, { workload: 'fetch-10k' }],
      [{ p95Ms: 151 }, { workload: 'opens-beside-bulk' }],
    ],
  ],
  [
    'on links that change the best of their uplinks is the measure',
    '10 kB beside bulk in G7, G8',
    [
      [{ p95Ms: 120 }, { scenario: 'G8/busy-cell/all', workload: 'beside-bulk' }],
      [{ p95Ms: 120 }, { scenario: 'G8/busy-cell/all', workload: 'beside-bulk', ...single('dsl') }],
    ],
    [
      [{ p95Ms: 120 }, { scenario: 'G8/busy-cell/all', workload: 'beside-bulk' }],
      [{ p95Ms: 120 }, { scenario: 'G8/busy-cell/all', workload: 'beside-bulk', ...single('dsl') }],
      [{ p95Ms: 110 }, { scenario: 'G8/busy-cell/all', workload: 'beside-bulk', ...single('lte') }],
    ],
  ],
  [
    'a link that is back is used soon',
    'used again after G1',
    [[{ backMs: 1_200 }, { scenario: 'G1/E1/a-7s' }]],
    [[{ backMs: 1_210 }, { scenario: 'G1/E1/a-7s' }]],
  ],
  [
    'a collapse stalls nothing for long',
    'longest gap through F3, G3',
    [[{ longestGapMs: 250 }, { scenario: 'F3/E10/fiber' }]],
    [[{ longestGapMs: 251 }, { scenario: 'F3/E10/fiber' }]],
  ],
];

test.each(CASES)('%s', (_what, goal, met, missed) => {
  const verdicts = (runs: readonly Run[]) =>
    judge(new Summary(runs.map((run) => record(...run))))
      .filter((judgement) => judgement.goal.includes(goal))
      .map(({ isMet }) => isMet);
  expect(verdicts(met)).toEqual([true]);
  expect(verdicts(missed)).toEqual([false]);
});
