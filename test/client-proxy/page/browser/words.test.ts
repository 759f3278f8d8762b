import { describe, expect, it } from 'vitest';
import { faultsOf, faultText } from '../../../../client-proxy/page/browser/base/changes.ts';
import { gainOf, pillOf } from '../../../../client-proxy/page/browser/base/words.ts';
import type { StateChange } from '../../../../client-proxy/page/history/state-changes.ts';
import { Samples } from '../../../../shared/page-browser/samples.ts';
import { bytesText, durationText, percentText, rateText } from '../../../../shared/page-browser/words.ts';

describe('the words of the page', () => {
  it.each([
    [rateText, 0, '0 Mbit/s'],
    [rateText, 499, '0 Mbit/s'],
    [rateText, 12_300, '12.3 kbit/s'],
    [rateText, 999_600, '1.00 Mbit/s'],
    [rateText, 48_234_000, '48.2 Mbit/s'],
    [rateText, 2_500_000_000, '2.50 Gbit/s'],
    [rateText, 5e14, '500000 Gbit/s'],
    [bytesText, 0, '0 B'],
    [bytesText, 1_234, '1.23 kB'],
    [bytesText, 123_456_789, '123 MB'],
    [durationText, 171, '171 ms'],
    [durationText, 4_210, '4.2 s'],
    [durationText, 90_000, '90 s'],
    [durationText, 3_600_000, '60 min'],
    [durationText, -5, '0 ms'],
    [durationText, 400_000_000, '4 days'],
  ] as const)('%o %d: %s', (say, value, text) => {
    expect(say(value)).toBe(text);
  });

  it('says what the uplinks give together, where it is more', () => {
    expect([gainOf(60, 30), gainOf(30.1, 30), gainOf(46, 40)]).toEqual(['2.0', undefined, '1.1']);
    expect([percentText(1_000, 4_000), percentText(0, 0)]).toEqual(['25 %', '–']);
  });
});

/** In the zone of whoever looks. */
const AT_MS = new Date(2026, 10, 29, 14, 2, 11).getTime();

describe('the faults of the page', () => {
  const change = (atMs: number, state: StateChange['state'], before: StateChange['before']): StateChange => {
    return {
      ...{ atMs, uplink: 'lte', state, cause: 'none', reason: `${state} for a reason`, before },
      ...{ lost: 0, lostBefore: 0 },
    };
  };

  it('are one from the first bad state to the next good one', () => {
    const changes = [
      change(1, 'down', null),
      change(5, 'in-use', 'down'),
      change(100, 'doubted', 'in-use'),
      change(120, 'down', 'doubted'),
      { ...change(130, 'parked', 'in-use'), uplink: 'dsl' },
      change(271, 'in-use', 'down'),
    ];
    expect(faultsOf(changes, [])).toMatchObject([
      { uplink: 'dsl', what: 'parked', reason: 'parked for a reason', fromMs: 130, toMs: null },
      { uplink: 'lte', what: 'silent', reason: 'down for a reason', fromMs: 100, toMs: 271 },
    ]);
  });

  it.each([
    [
      'silent 14:02:11, 171 ms, nothing lost',
      [change(AT_MS, 'doubted', 'in-use'), change(AT_MS + 171, 'in-use', 'doubted')],
    ],
    ['silent since 14:02:11, nothing lost so far', [change(AT_MS, 'doubted', 'in-use')]],
    [
      'down 14:02:11, 3.0 s, 2 connections lost',
      [
        // They went a moment before the state changed.
        { ...change(AT_MS, 'down', 'in-use'), lostBefore: 5, lost: 6 },
        { ...change(AT_MS + 3_000, 'in-use', 'down'), lostBefore: 7, lost: 7 },
      ],
    ],
    [
      'down since 14:02:11, 1 connection lost',
      [{ ...change(AT_MS, 'down', 'in-use'), lostBefore: 0, lost: 1 }],
    ],
    [
      'silent 14:02:11, until the client ended, nothing lost',
      [change(AT_MS, 'doubted', 'in-use'), change(AT_MS + 9_000, 'in-use', null)],
    ],
    [
      'cap reached since 14:02:11, nothing lost so far',
      [{ ...change(AT_MS, 'waiting', 'in-use'), cause: 'cap' }],
    ],
    [
      'cap reached 14:02:11, 10 s, nothing lost',
      [{ ...change(AT_MS, 'stopped', 'in-use'), cause: 'cap' }, change(AT_MS + 10_000, 'in-use', 'stopped')],
    ],
  ])('are told in words: %s', (text, changes) => {
    expect(faultsOf(changes, []).map(faultText)).toEqual([text]);
  });

  it('are none where a person has turned an uplink off, and end there', () => {
    const off = { ...change(AT_MS + 3_000, 'stopped', 'down'), cause: 'turned-off' } as const;
    expect(faultsOf([off], [])).toEqual([]);
    expect(pillOf(off)).toEqual({ text: 'off', mood: 'idle' });
    expect(faultsOf([change(AT_MS, 'down', 'in-use'), off], []).map(faultText)).toEqual([
      'down 14:02:11, 3.0 s, nothing lost',
    ]);
  });

  it('lose connections while they last, and none before', () => {
    const [fault] = faultsOf(
      [{ ...change(AT_MS, 'down', 'in-use'), lostBefore: 4, lost: 4 }],
      [{ name: 'lte', lost: 6 }],
    );
    expect(fault!.lost).toBe(2);
  });
});

describe('the samples of the page', () => {
  it('join what was with what comes, with a hole where nothing is known', () => {
    const samples = new Samples();
    const dsl = (down: number[]) => ({ name: 'dsl', down, up: down.map(() => 1) });
    samples.load([1_000, 2_000], [dsl([10, 20])]);
    // Told again, as after the connection was lost.
    samples.load([2_000, 3_000], [dsl([20, 30]), { name: 'lte', down: [0, 3], up: [0, 0] }]);
    samples.load([60_000], [dsl([40])]);
    expect(samples.lastMs).toBe(60_000);
    expect(samples.chart(['dsl', 'lte'], 'down', 2_000)).toEqual({
      seconds: [2, 3, 3.001, 60],
      rates: [
        [20, 30, null, 40],
        [0, 3, null, 0],
      ],
    });
    expect(samples.chart(['dsl', 'gone'], 'up', 60_000).rates).toEqual([[1], [0]]);
    expect(samples.chart(['dsl'], 'up', 70_000)).toEqual({ seconds: [], rates: [[]] });
  });

  it('are an hour at most', () => {
    const samples = new Samples();
    for (let i = 1; i <= 4_000; i += 1) samples.load([i * 1_000], [{ name: 'dsl', down: [i], up: [0] }]);
    const { seconds, rates } = samples.chart(['dsl'], 'down', 0);
    expect([seconds.length, seconds[0], rates[0]![0], rates[0]!.at(-1)]).toEqual([3_600, 401, 401, 4_000]);
  });
});
