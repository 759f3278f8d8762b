import { describe, expect, it } from 'vitest';
import { VisitorGate, visitorRanges } from '../../../server-concentrator/publish/visitor-gate.ts';

function bed({ visitorsPerClient = 8, visitorsPerSecond = 1_000, allow = [''], deny = [''] } = {}) {
  const hits: string[] = [];
  const state = { nowMs: 0, hasDescriptor: true };
  const gate = new VisitorGate(
    {
      limits: { visitorsPerClient, visitorsPerSecond },
      clock: () => state.nowMs,
      hasDescriptor: () => state.hasDescriptor,
      onLimit: (limit) => void hits.push(limit),
    },
    visitorRanges({ allow: allow.filter(Boolean), deny: deny.filter(Boolean) }),
  );
  const enter = (address: string, client = 'home') => gate.enter(client, address);
  return { gate, hits, state, enter };
}

describe('the ranges of visitors', () => {
  const { enter } = bed({
    allow: ['203.0.113.0/24', '2001:db8::/32'],
    deny: ['203.0.113.128/25'],
  });

  it.each([
    ['203.0.113.1', true],
    ['::ffff:203.0.113.1', true],
    ['203.0.113.129', false],
    ['::ffff:203.0.113.129', false],
    ['198.51.100.1', false],
    ['2001:db8::1', true],
    ['2001:db9::1', false],
    ['fe80::1%eth0', false],
    ['', false],
  ])('%s: allowed is %s', (address, isAllowed) => {
    const place = enter(address);
    expect(typeof place === 'function').toBe(isAllowed);
    if (typeof place === 'function') place();
    else expect(place).toBe('not-allowed');
  });

  it('are everything where nothing is said, and may change', () => {
    const { gate, enter: other } = bed();
    expect(other('198.51.100.1')).toBeTypeOf('function');
    gate.setRanges(visitorRanges({ allow: [], deny: ['198.51.100.0/24'] }));
    expect(other('198.51.100.1')).toBe('not-allowed');
    expect([gate.allows('198.51.100.1'), gate.allows('203.0.113.1')]).toEqual([false, true]);
  });

  it('mean IPv4 also where they are written as IPv6', () => {
    const { enter: other } = bed({ deny: ['::ffff:198.51.100.0/120'] });
    expect(other('198.51.100.1')).toBe('not-allowed');
    expect(other('198.51.101.1')).toBeTypeOf('function');
  });
});

describe('the places of visitors', () => {
  it('are bounded for each client, half of them for one source, and come back', () => {
    const { enter, hits } = bed();
    const held = ['1', '2', '3', '4', '5'].map((_, i) => enter(`2001:db8::${i}`));
    expect(held.map((place) => typeof place)).toEqual([
      'function',
      'function',
      'function',
      'function',
      'string',
    ]);
    for (let i = 0; i < 4; i++) expect(enter(`198.51.100.${i}`)).toBeTypeOf('function');
    expect(enter('198.51.100.9')).toBe('limit');
    expect(enter('198.51.100.9', 'office')).toBeTypeOf('function');
    expect(hits).toEqual(['visitorsPerSource', 'visitorsPerClient']);
    (held[0] as () => void)();
    expect(enter('2001:db8::9')).toBeTypeOf('function');
  });

  it('are taken at a rate, five seconds of it at once', () => {
    const { enter, hits, state } = bed({ visitorsPerClient: 10_000, visitorsPerSecond: 10 });
    const taken = () =>
      Array.from({ length: 60 }, () => enter('198.51.100.1')).filter((one) => one !== 'limit').length;
    expect(taken()).toBe(50);
    expect(hits).toEqual(Array(10).fill('visitorsPerSecond'));
    state.nowMs += 1_000;
    expect(taken()).toBe(10);
  });

  it('need a descriptor', () => {
    const { enter, hits, state } = bed();
    state.hasDescriptor = false;
    expect([enter('198.51.100.1'), hits]).toEqual(['limit', ['descriptors']]);
  });

  it('keep nothing of who has left', () => {
    const { enter } = bed({ visitorsPerClient: 2 });
    for (let i = 0; i < 1_000; i++) {
      const place = enter(`2001:db8:0:${i.toString(16)}::1`);
      expect(place).toBeTypeOf('function');
      (place as () => void)();
    }
  });
});
