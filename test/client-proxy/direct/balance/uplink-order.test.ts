import { describe, expect, it } from 'vitest';
import { type Candidate, orderUplinks } from '../../../../client-proxy/direct/balance/uplink-order.ts';

const uplink = (name: string, more: Partial<Candidate> = {}): Candidate => ({
  name,
  role: 'regular',
  isSuspect: false,
  connectMs: 20,
  bytesPerSecond: 1_000_000,
  busy: 0,
  weight: undefined,
  dueTurn: 0,
  ...more,
});
const names = (...[candidates, policy, sticky]: Parameters<typeof orderUplinks>) =>
  orderUplinks(candidates, policy, sticky).map(({ name }) => name);
const AGGREGATE = { mode: 'aggregate' } as const;

describe('the order of uplinks for a direct connection', () => {
  it.each<[string, Candidate[], string[]]>([
    ['the faster first', [uplink('a'), uplink('b', { bytesPerSecond: 2_000_000 })], ['b', 'a']],
    [
      'the one with room first',
      [uplink('a', { bytesPerSecond: 2_000_000, busy: 5 }), uplink('b')],
      ['b', 'a'],
    ],
    ['the nearer first', [uplink('a', { connectMs: 80 }), uplink('b')], ['b', 'a']],
    [
      'one of which nothing is known is tried',
      [uplink('a', { busy: 1 }), uplink('b', { connectMs: undefined })],
      ['b', 'a'],
    ],
    ['a backup last', [uplink('a', { role: 'backup', bytesPerSecond: 9e9 }), uplink('b')], ['b', 'a']],
    [
      'what joins above a load before a backup',
      [uplink('a', { role: 'backup' }), uplink('b', { role: 'overflow' }), uplink('c')],
      ['c', 'b', 'a'],
    ],
    [
      'what has failed behind a backup that works',
      [uplink('a', { isSuspect: true }), uplink('b', { role: 'backup' })],
      ['b', 'a'],
    ],
  ])('has %s', (_, candidates, expected) => {
    expect(names(candidates, AGGREGATE, undefined)).toEqual(expected);
  });

  it.each<[string, Parameters<typeof orderUplinks>[1], string | undefined, string[]]>([
    ['the preferred first', { mode: 'priority', order: ['c', 'a'] }, undefined, ['c', 'a', 'b']],
    ['the preferred before the usual', { mode: 'active-standby', order: ['c'] }, 'a', ['c', 'a', 'b']],
    ['the usual one first', AGGREGATE, 'c', ['c', 'b', 'a']],
    ['the nearest first where latency counts', { mode: 'lowest-latency' }, undefined, ['a', 'b', 'c']],
    ['those without a share last', { mode: 'weighted', weights: { c: 1, a: 0 } }, undefined, ['c', 'a', 'b']],
  ])('has %s', (_, policy, sticky, expected) => {
    const candidates = [
      uplink('a', { connectMs: 10 }),
      uplink('b', { connectMs: 20, bytesPerSecond: 9_000_000 }),
      uplink('c', { connectMs: 90 }),
    ];
    expect(names(candidates, policy, sticky)).toEqual(expected);
  });

  it('takes turns by weights of the policy, or of the uplinks', () => {
    const due = [uplink('a', { dueTurn: 2, weight: 9 }), uplink('b', { dueTurn: 1 })];
    expect(names(due, AGGREGATE, undefined)).toEqual(['b', 'a']);
    expect(names(due, { mode: 'round-robin' }, undefined)).toEqual(['b', 'a']);
    expect(names(due, { mode: 'weighted', weights: { a: 1, b: 1 } }, undefined)).toEqual(['b', 'a']);
  });
});
