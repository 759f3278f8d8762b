import { expect, it } from 'vitest';
import { adviceOn } from '../../../client-proxy/speedtest/advice.ts';
import type { LoadFigures, SpeedReport, UplinkSpeed } from '../../../client-proxy/speedtest/speed-report.ts';
import { speedText } from '../../../client-proxy/speedtest/speed-text.ts';

const figures = (mbps: number, more: Partial<LoadFigures> = {}): LoadFigures => ({
  ...{
    bitsPerSecond: mbps * 1e6,
    bytes: mbps * 400_000,
    isShort: false,
    loadedMs: 60,
    rpm: 900,
    grade: 'good',
  },
  ...more,
});

function uplink(name: string, mbps: number, more: Partial<UplinkSpeed> = {}): UplinkSpeed {
  return {
    ...{ name, state: 'measured', reason: '', isBackup: false, isMetered: false, idleMs: 20 },
    alone: { down: figures(mbps), up: null },
    beside: { down: mbps * 1e6, up: null },
    ...more,
  };
}

function report(
  uplinks: readonly UplinkSpeed[],
  aggregate: number,
  more: Partial<SpeedReport> = {},
): SpeedReport {
  const one = {
    ...{
      startedMs: 0,
      tookMs: 20_000,
      uplinks,
      aggregateIdleMs: 22,
      aggregateReason: '',
      shared: [],
      bytes: 5e7,
    },
    aggregate: { down: figures(aggregate), up: null },
    ...more,
  };
  return { ...one, advice: adviceOn(one) };
}

const DSL = uplink('DSL', 16);
const LTE = uplink('LTE', 32);

it.each([
  [
    'all is well',
    report([DSL, LTE], 46),
    ['Download: LTE is full with 32 Mbit/s; DSL adds 16 Mbit/s: together 46 Mbit/s, 1.4 times the best.'],
  ],
  [
    'one alone',
    report([DSL], 16),
    ['Download: DSL is full with 16 Mbit/s; there is no other uplink to add to it.'],
  ],
  [
    'nothing gained',
    report([DSL, LTE], 32),
    [/the aggregate has 32 Mbit\/s, so the others add nothing\. Other traffic/],
  ],
  [
    'less than the best alone',
    report([DSL, LTE], 20),
    [/the aggregate has 20 Mbit\/s, less than LTE alone \(32 Mbit\/s\)/],
  ],
  [
    'less, since round trips differ much',
    report([uplink('SAT', 32, { idleMs: 600 }), DSL], 20),
    [/less than SAT alone .* The round trip over SAT is 600 ms, over DSL 20 ms: make SAT a backup/],
  ],
  [
    'a part of what they carry at once',
    report([DSL, LTE], 36),
    [/together 36 Mbit\/s/, /that is 75 % of the 48 Mbit\/s that they carry at once/],
  ],
  [
    'a shared bottleneck',
    report([DSL, uplink('Cable', 16)], 16, { shared: [{ direction: 'down', uplinks: ['DSL', 'Cable'] }] }),
    [
      /so the others add nothing\. DSL and Cable share a bottleneck\./,
      /DSL and Cable share a bottleneck, so together they carry no more than one/,
    ],
  ],
  [
    'three that share one',
    report([DSL, LTE, uplink('Cable', 16)], 32, {
      shared: [{ direction: 'down', uplinks: ['DSL', 'LTE', 'Cable'] }],
    }),
    [/share a bottleneck/, /DSL, LTE and Cable share a bottleneck.*near the concentrator/],
  ],
  [
    'a queue that is too long',
    report(
      [
        uplink('LTE', 32, {
          alone: { down: figures(32, { loadedMs: 900, rpm: 66, grade: 'bad' }), up: null },
        }),
      ],
      32,
    ),
    [
      /no other uplink/,
      /a full LTE answers after 900 ms in place of 20 ms \(bufferbloat\): nothing else works well/,
    ],
  ],
  [
    'too few bytes',
    report([uplink('DSL', 16, { alone: { down: figures(16, { isShort: true }), up: null } })], 16),
    [/no other uplink/, /less than a second.*--max/],
  ],
  [
    'uplinks that were not measured',
    report(
      [
        DSL,
        uplink('LTE', 0, {
          state: 'skipped',
          reason: 'it is metered',
          isMetered: true,
          alone: { down: null, up: null },
        }),
      ],
      16,
    ),
    [/no other uplink/, 'LTE was left out: it is metered; --metered measures it all the same.'],
  ],
] as const)('advises: %s', (_, { advice }, expected) => {
  expect(advice).toHaveLength(expected.length);
  for (const [i, words] of expected.entries()) expect(advice[i]).toEqual(expect.stringMatching(words));
});

it('prints a table with the advice below it', () => {
  const lines = speedText(report([DSL, uplink('LTE', 32, { isMetered: true })], 46)).split('\n');
  expect(lines.slice(0, 5)).toEqual(
    [
      'uplink         idle       down  loaded       RPM  up  loaded  RPM',
      'DSL           20 ms  16 Mbit/s   60 ms  900 good   -       -    -',
      'LTE (metered) 20 ms  32 Mbit/s   60 ms  900 good   -       -    -',
      'all at once       -  48 Mbit/s       -         -   -       -    -',
      'aggregate     22 ms  46 Mbit/s   60 ms  900 good   -       -    -',
    ].map((line) => expect.stringContaining(line.slice(0, 6))),
  );
  expect(lines.at(-2)).toBe('50 MB in 20 s');
});
