import { describe, expect, it } from 'vitest';
import type { PresentUplink } from '../../../../client-proxy/config/client-config.ts';
import {
  DirectBalance,
  type DirectBalanceOptions,
} from '../../../../client-proxy/direct/balance/direct-balance.ts';
import { StickyUplinks } from '../../../../client-proxy/direct/balance/sticky-uplinks.ts';
import type { UplinkTrouble } from '../../../../client-proxy/network/uplink-trouble.ts';
import { NORMAL_USE, type UplinkUse } from '../../../../client-proxy/path-manager/uplink-use.ts';
import type { StreamPolicy } from '../../../../shared/protocol/steering/steering-policy.ts';

const AGGREGATE: StreamPolicy = { mode: 'aggregate' };

function bench(names: readonly string[], more: Partial<DirectBalanceOptions> = {}, stickyMs = 0) {
  const time = { ms: 0 };
  const busy = new Map<string, number>();
  const uplinks = names.map(
    (name): PresentUplink => ({ name, binding: { kind: 'interface', interface: name }, backup: false }),
  );
  const balance = new DirectBalance({
    uplinks: () => uplinks,
    useOf: () => NORMAL_USE,
    troubles: () => new Map(),
    flows: { busyOf: (name) => busy.get(name) ?? 0 },
    sticky: new StickyUplinks(stickyMs),
    onSuspect() {},
    clock: () => time.ms,
    ...more,
  });
  /** Connections that begin one after the other, and stay busy. */
  const spread = (count: number, policy = AGGREGATE) => {
    const given: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const { name } = balance.begin(`host${i}.test`, policy)[0]!;
      busy.set(name, (busy.get(name) ?? 0) + 1);
      given[name] = (given[name] ?? 0) + 1;
    }
    return given;
  };
  const order = (policy = AGGREGATE, host = 'x.test') => balance.begin(host, policy).map(({ name }) => name);
  return { time, busy, uplinks, balance, spread, order };
}

describe('connections that are busy', () => {
  it.each([
    [[40, 20], 60],
    [[40, 20, 10], 70],
    [[100, 5], 105],
    [[10, 10], 20],
  ] as const)('are spread as the uplinks deliver: %j Mbit/s', (rates, count) => {
    const { balance, spread } = bench(rates.map((_, i) => `u${i}`));
    const sum = rates.reduce((all, rate) => all + rate, 0);
    for (const [i, mbps] of rates.entries()) {
      const measure = balance.measureOf(`u${i}`);
      measure.rate.add(mbps * 125_000, 0);
      measure.answered(measure.begin(0), 20);
    }
    const given = spread(count);
    for (const [i, rate] of rates.entries())
      expect(Math.abs((given[`u${i}`] ?? 0) - (count * rate) / sum), `u${i}`).toBeLessThanOrEqual(1);
  });

  it('are spread evenly where nothing is known', () => {
    expect(bench(['a', 'b', 'c']).spread(30)).toEqual({ a: 10, b: 10, c: 10 });
  });

  it('are spread by weights, whatever was measured', () => {
    const { uplinks, balance, spread } = bench(['a', 'b']);
    uplinks[0] = { ...uplinks[0]!, weight: 7 };
    uplinks[1] = { ...uplinks[1]!, weight: 3 };
    balance.measureOf('b').rate.add(1e9, 0);
    expect(spread(100)).toEqual({ a: 70, b: 30 });
  });

  it('take turns where the policy says so', () => {
    expect(bench(['a', 'b', 'c']).spread(9, { mode: 'round-robin' })).toEqual({ a: 3, b: 3, c: 3 });
  });

  it('come back to an uplink that was slow long ago', () => {
    const { time, balance, order } = bench(['a', 'b']);
    balance.measureOf('a').rate.add(100_000, 0);
    balance.measureOf('b').rate.add(10_000_000, 0);
    expect(balance.measureOf('a').rate.expected(10_000_000, 0)).toBe(10_000_000 / 16);
    time.ms = 15_000 + 120_000;
    expect(balance.measureOf('a').rate.expected(10_000_000, time.ms)).toBeCloseTo(5_050_000, -4);
    expect(order()[0]).toBe('b');
    time.ms = 3_600_000;
    expect(balance.measureOf('a').rate.expected(10_000_000, time.ms)).toBeGreaterThan(9_900_000);
  });

  it('follow an uplink that has become slower within half a minute', () => {
    const { balance } = bench(['a']);
    const { rate } = balance.measureOf('a');
    for (let ms = 0; ms < 20_000; ms += 1_000) rate.add(5_000_000, ms);
    for (let ms = 20_000; ms <= 50_000; ms += 1_000) rate.add(500_000, ms);
    expect(rate.measured).toBe(500_000);
  });
});

describe('a host', () => {
  it('keeps its uplink for a while, and as long as that is used', () => {
    const { time, busy, order } = bench(['a', 'b'], {}, 600_000);
    expect(order(AGGREGATE, 'bank.test')[0]).toBe('a');
    busy.set('a', 50);
    expect(order(AGGREGATE, 'other.test')[0]).toBe('b');
    for (time.ms = 0; time.ms < 2_000_000; time.ms += 500_000)
      expect(order(AGGREGATE, 'bank.test')[0]).toBe('a');
    time.ms += 700_000;
    expect(order(AGGREGATE, 'bank.test')[0]).toBe('b');
  });

  it('moves to the uplink that answered, and from one that has become a backup', () => {
    const { uplinks, balance, order } = bench(['a', 'b'], {}, 600_000);
    expect(order()[0]).toBe('a');
    balance.connected('x.test', 'b', AGGREGATE);
    expect(order()[0]).toBe('b');
    uplinks[1] = { ...uplinks[1]!, backup: true };
    expect(order()[0]).toBe('a');
  });
});

describe('uplinks that may not carry a connection', () => {
  it.each<[string, StreamPolicy, Partial<DirectBalanceOptions>, string[]]>([
    ['by the policy', { mode: 'aggregate', only: ['b'] }, {}, ['b']],
    [
      'by its policy for one direction',
      { mode: 'aggregate', only: ['a', 'b'], down: { mode: 'aggregate', only: ['b', 'c'] } },
      {},
      ['b'],
    ],
    [
      'by a cap',
      AGGREGATE,
      { useOf: (name) => ({ use: name === 'c' ? 'normal' : 'stopped', reason: 'daily cap' }) },
      ['c'],
    ],
    [
      'since their interface is down',
      AGGREGATE,
      {
        troubles: () =>
          new Map(['a', 'c'].map((n) => [n, { code: 'no-carrier', reason: '', isCertain: true }])),
      },
      ['b'],
    ],
  ])('are left out: %s', (_, policy, more, expected) => {
    expect(bench(['a', 'b', 'c'], more).order(policy)).toEqual(expected);
  });

  it('come last as backups after a cap', () => {
    const useOf = (name: string) => (name === 'a' ? ({ use: 'backup', reason: 'cap' } as const) : NORMAL_USE);
    expect(bench(['a', 'b'], { useOf }).order()).toEqual(['b', 'a']);
  });

  it('leave nothing possible when all of them are stopped, or without a network', () => {
    const stopped = { use: 'stopped', reason: 'cap' } as const;
    expect(bench(['a'], { useOf: () => stopped }).balance.isPossible).toBe(false);
    const down = new Map([['a', { code: 'no-carrier', reason: '', isCertain: true } as const]]);
    expect(bench(['a'], { troubles: () => down }).balance.isPossible).toBe(false);
    expect(bench(['a', 'b'], { troubles: () => down }).balance.isPossible).toBe(true);
  });

  it('keep nothing that has begun there, unless all of them are without a network', () => {
    const down = new Map([['a', { code: 'no-carrier', reason: '', isCertain: true } as const]]);
    const { balance } = bench(['a', 'b'], { troubles: () => down });
    const standing = (name: string, only?: string[]) =>
      balance.standingOf(name, { ...AGGREGATE, ...(only && { only }) });
    expect([standing('a'), standing('b'), standing('b', ['a']), standing('a', ['a'])]).toEqual([
      'out',
      'right',
      'out',
      'right',
    ]);
  });

  it('keep nothing that has begun on a backup, once another one is back that works', () => {
    const lost: ReadonlyMap<string, UplinkTrouble> = new Map([
      ['dsl', { code: 'no-carrier', reason: '', isCertain: true }],
    ]);
    let troubles = lost;
    const { uplinks, balance } = bench(['dsl', 'lte', 'sat'], { troubles: () => troubles });
    uplinks[1] = { ...uplinks[1]!, backup: true };
    uplinks[2] = { ...uplinks[2]!, backup: true };
    const onLte = (policy: StreamPolicy = AGGREGATE) => balance.standingOf('lte', policy);
    expect(onLte()).toBe('right');
    // Its carrier is back, and no route yet.
    troubles = new Map([['dsl', { code: 'no-route', reason: '', isCertain: false }]]);
    expect(onLte()).toBe('right');
    troubles = new Map();
    expect(onLte()).toBe('stopgap');
    expect(onLte({ ...AGGREGATE, only: ['lte', 'sat'] })).toBe('right');
    // Without a share, dsl would come behind it.
    expect(onLte({ mode: 'weighted', weights: { lte: 1 } })).toBe('right');
    const { uplinks: none, balance: failing } = bench(['dsl', 'lte']);
    none[1] = { ...none[1]!, backup: true };
    const measure = failing.measureOf('dsl');
    for (let i = 0; i < 2; i++) measure.failed(measure.begin(0), 0);
    expect(failing.standingOf('lte', AGGREGATE)).toBe('right');
  });

  it('keep nothing that a cap has made wait for the others', () => {
    let use: UplinkUse = 'normal';
    const useOf = (name: string) => (name === 'lte' ? { use, reason: 'cap' } : NORMAL_USE);
    const { balance } = bench(['dsl', 'lte'], { useOf });
    expect(balance.standingOf('lte', AGGREGATE)).toBe('right');
    use = 'backup';
    expect(balance.standingOf('lte', AGGREGATE)).toBe('stopgap');
  });
});
