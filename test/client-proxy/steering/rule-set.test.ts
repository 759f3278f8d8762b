import { describe, expect, it } from 'vitest';
import { RuleSet } from '../../../client-proxy/steering/rule-set.ts';
import { shadowedRules } from '../../../client-proxy/steering/shadowed-rules.ts';
import type { SteeringRule } from '../../../client-proxy/steering/steering-rule.ts';

type Conditions = Omit<SteeringRule, 'action'>;

const DEFAULTS = { default: { mode: 'aggregate' }, datagrams: { mode: 'lowest-latency' } } as const;
const BLOCK = { kind: 'block' } as const;
const one = (port: number) => ({ from: port, to: port });

function matches(rule: Conditions, host: string, port = 443, user?: string): boolean {
  const rules = new RuleSet({ ...DEFAULTS, rules: [{ ...rule, action: BLOCK }] });
  const subject = { destination: { host, port }, ...(user === undefined ? {} : { user }) };
  return rules.choose(subject).action.kind === 'block';
}

describe('a rule', () => {
  it.each<[string, Conditions, string, boolean]>([
    ['an exact name', { hosts: ['www.example.org'] }, 'www.example.org', true],
    ['an exact name in capitals', { hosts: ['www.example.org'] }, 'WWW.Example.ORG', true],
    ['an exact name with a final dot', { hosts: ['www.example.org'] }, 'www.example.org.', true],
    ['no name below an exact one', { hosts: ['example.org'] }, 'www.example.org', false],
    ['no other name that ends alike', { hosts: ['example.org'] }, 'anexample.org', false],
    ['a name below a wildcard', { hosts: ['*.example.org'] }, 'www.example.org', true],
    ['a name far below a wildcard', { hosts: ['*.example.org'] }, 'a.b.c.example.org', true],
    ['not the name of a wildcard itself', { hosts: ['*.example.org'] }, 'example.org', false],
    ['no name that ends as a wildcard', { hosts: ['*.example.org'] }, 'anexample.org', false],
    ['one of several names', { hosts: ['a.test', 'b.test'] }, 'b.test', true],
    ['every name by *', { hosts: ['*'] }, 'example.org', true],
    ['every address by *', { hosts: ['*'] }, '192.0.2.1', true],
    ['no address by a name', { hosts: ['*.1'] }, '192.0.2.1', false],
    ['an IPv4 address in a network', { networks: ['192.0.2.0/24'] }, '192.0.2.77', true],
    ['no address beside a network', { networks: ['192.0.2.0/24'] }, '192.0.3.1', false],
    ['an IPv6 address in a network', { networks: ['2001:db8::/32'] }, '2001:db8:1::1', true],
    ['no IPv6 address in an IPv4 network', { networks: ['0.0.0.0/0'] }, '2001:db8::1', false],
    ['no name by a network', { networks: ['0.0.0.0/0', '::/0'] }, 'example.org', false],
    ['a name, of names and networks', { hosts: ['a.test'], networks: ['10.0.0.0/8'] }, 'a.test', true],
    ['an address, of names and networks', { hosts: ['a.test'], networks: ['10.0.0.0/8'] }, '10.1.2.3', true],
    ['neither, of names and networks', { hosts: ['a.test'], networks: ['10.0.0.0/8'] }, 'b.test', false],
    ['everything, without conditions', {}, 'example.org', true],
  ])('matches %s', (_, rule, host, expected) => {
    expect(matches(rule, host)).toBe(expected);
  });

  // 203.0.113.5 in every spelling by which packets may come to it.
  const SPELLINGS = [
    ['IPv4', '203.0.113.5'],
    ['IPv4-mapped', '::ffff:203.0.113.5'],
    ['IPv4-mapped, in hex', '::ffff:cb00:7105'],
    ['IPv4-mapped, at length', '0:0:0:0:0:FFFF:CB00:7105'],
    ['IPv4-compatible', '::203.0.113.5'],
    ['IPv4-translated', '::ffff:0:203.0.113.5'],
    ['NAT64', '64:ff9b::203.0.113.5'],
    ['local-use NAT64, 48 bits', '64:ff9b:1:cb00:71:500::'],
    ['local-use NAT64, 56 bits', '64:ff9b:1:aacb:0:7105::'],
    ['local-use NAT64, 64 bits', '64:ff9b:1:aabb:cb:71:500:0'],
    ['local-use NAT64, 96 bits', '64:ff9b:1:aabb:cc:ddee:cb00:7105'],
    ['6to4', '2002:cb00:7105:1::9'],
    ['Teredo, the server', '2001:0:cb00:7105:8000:63bf:3fff:fdd2'],
    ['Teredo, the client', '2001:0:4136:e378:8000:63bf:34ff:8efa'],
  ] as const;

  it.each(SPELLINGS)('for an IPv4 network holds for %s', (_, spelling) => {
    expect(matches({ networks: ['203.0.113.0/24'] }, spelling)).toBe(true);
    expect(matches({ networks: ['203.0.113.5/32'] }, spelling)).toBe(true);
    expect(matches({ networks: ['203.0.113.6/32'] }, spelling)).toBe(false);
  });

  it('for a network of mapped addresses holds for IPv4', () => {
    expect(matches({ networks: ['::ffff:203.0.113.0/120'] }, '203.0.113.5')).toBe(true);
    expect(matches({ networks: ['::ffff:203.0.113.0/120'] }, '203.0.114.5')).toBe(false);
    expect(matches({ networks: ['::ffff:0:0/96'] }, '8.8.8.8')).toBe(true);
  });

  it('for 0.0.0.0/8 holds neither for :: nor for ::1', () => {
    for (const host of ['::', '::1']) expect(matches({ networks: ['0.0.0.0/8'] }, host)).toBe(false);
  });

  it.each<[string, Conditions, number, string | undefined, boolean]>([
    ['a port', { ports: [one(22)] }, 22, undefined, true],
    ['no other port', { ports: [one(22)] }, 23, undefined, false],
    ['both ends of a range', { ports: [{ from: 8000, to: 8100 }] }, 8000, undefined, true],
    ['both ends of a range', { ports: [{ from: 8000, to: 8100 }] }, 8100, undefined, true],
    ['nothing beyond a range', { ports: [{ from: 8000, to: 8100 }] }, 8101, undefined, false],
    ['one of several ports', { ports: [one(22), one(443)] }, 443, undefined, true],
    ['a user', { users: ['alice'] }, 443, 'alice', true],
    ['no other user', { users: ['alice'] }, 443, 'bob', false],
    ['nobody in place of a user', { users: ['alice'] }, 443, undefined, false],
    ['anybody without condition', { ports: [one(443)] }, 443, 'bob', true],
    ['all conditions', { hosts: ['a.test'], ports: [one(443)], users: ['alice'] }, 443, 'alice', true],
    ['not all but one', { hosts: ['a.test'], ports: [one(80)], users: ['alice'] }, 443, 'alice', false],
    ['not all but one', { hosts: ['b.test'], ports: [one(443)], users: ['alice'] }, 443, 'alice', false],
    ['not all but one', { hosts: ['a.test'], ports: [one(443)], users: ['bob'] }, 443, 'alice', false],
  ])('matches %s (%#)', (_, rule, port, user, expected) => {
    expect(matches(rule, 'a.test', port, user)).toBe(expected);
  });
});

describe('rules', () => {
  const rules = new RuleSet({
    ...DEFAULTS,
    rules: [
      { hosts: ['www.example.org'], action: { kind: 'direct', uplink: 'dsl' } },
      { hosts: ['*.example.org'], action: BLOCK },
      { ports: [one(22)], action: { kind: 'steer', policy: { mode: 'redundant' } } },
    ],
  });

  it.each([
    ['www.example.org', 22, { kind: 'direct', uplink: 'dsl' }],
    ['ftp.example.org', 22, BLOCK],
    ['example.org', 22, { kind: 'steer', policy: { mode: 'redundant' } }],
    ['example.org', 443, { kind: 'steer', policy: { mode: 'aggregate' } }],
  ])('the first that matches decides, or else the default: %s:%i', (host, port, expected) => {
    expect(rules.choose({ destination: { host, port } }).action).toEqual(expected);
  });
});

describe('a rule with direct that has matched by a name which was only heard', () => {
  const DIRECT = { kind: 'direct', uplink: 'lte' } as const;
  const PUBLIC = { ...DIRECT, isPublicOnly: true };
  const NAMED = { hosts: ['*.example.org'] };

  it.each<[string, Conditions, string, string | undefined, object]>([
    ['reaches public addresses alone', NAMED, '192.168.8.1', 'a.example.org', PUBLIC],
    ['also for public addresses', NAMED, '198.51.100.7', 'a.example.org', PUBLIC],
    ['but not where the name is the destination', NAMED, 'a.example.org', undefined, DIRECT],
    [
      'but not where its network has the address',
      { ...NAMED, networks: ['192.168.8.0/24'] },
      '192.168.8.1',
      'a.example.org',
      DIRECT,
    ],
    [
      'and its other networks do not matter',
      { ...NAMED, networks: ['192.168.9.0/24'] },
      '192.168.8.1',
      'a.example.org',
      PUBLIC,
    ],
    ['but not where it is for all hosts', { hosts: ['*'] }, '192.168.8.1', 'a.example.org', DIRECT],
    ['but not without conditions on the host', { ports: [one(80)] }, '192.168.8.1', 'a.test', DIRECT],
  ])('%s', (_, rule, host, name, expected) => {
    const rules = new RuleSet({ ...DEFAULTS, rules: [{ ...rule, action: DIRECT }] });
    const subject = { destination: { host, port: 80 }, ...(name === undefined ? {} : { name }) };
    expect(rules.choose(subject).action).toEqual(expected);
  });

  it('leaves the other actions as they are', () => {
    const rules = new RuleSet({ ...DEFAULTS, rules: [{ ...NAMED, action: BLOCK }] });
    const subject = { destination: { host: '192.168.8.1', port: 80 }, name: 'a.example.org' };
    expect(rules.choose(subject).action).toBe(BLOCK);
  });
});

describe('a rule that is never reached', () => {
  const shadowed = (...rules: Conditions[]) =>
    shadowedRules(rules.map((rule) => ({ ...rule, action: BLOCK }))).map(({ index, by }) => [index, by]);

  it.each<[string, Conditions, Conditions, boolean]>([
    ['after one without conditions', {}, { hosts: ['a.test'] }, true],
    ['after *', { hosts: ['*'] }, { networks: ['10.0.0.0/8'], ports: [one(22)] }, true],
    ['the same again', { hosts: ['a.test'] }, { hosts: ['a.test'] }, true],
    ['below a wildcard', { hosts: ['*.test'] }, { hosts: ['a.test', '*.b.test'] }, true],
    ['partly below a wildcard', { hosts: ['*.test'] }, { hosts: ['a.test', 'a.other'] }, false],
    ['above its own wildcard', { hosts: ['*.a.test'] }, { hosts: ['*.test'] }, false],
    ['inside a network', { networks: ['10.0.0.0/8'] }, { networks: ['10.1.0.0/16'] }, true],
    ['around a network', { networks: ['10.1.0.0/16'] }, { networks: ['10.0.0.0/8'] }, false],
    ['of the other family', { networks: ['0.0.0.0/0'] }, { networks: ['2001:db8::/32'] }, false],
    ['inside a range', { ports: [{ from: 1, to: 1023 }] }, { ports: [one(22)], hosts: ['a.test'] }, true],
    ['with more ports', { ports: [one(22)] }, { ports: [{ from: 22, to: 23 }] }, false],
    ['without its condition', { ports: [one(22)] }, {}, false],
    ['for some users', { users: ['a'] }, { hosts: ['a.test'] }, false],
    ['for one of the users', { users: ['a', 'b'] }, { users: ['b'] }, true],
    [
      'with names beside its networks',
      { networks: ['10.0.0.0/8'] },
      { networks: ['10.0.0.0/8'], hosts: ['a'] },
      false,
    ],
  ])('%s', (_, earlier, later, expected) => {
    expect(shadowed(earlier, later)).toEqual(expected ? [[1, 0]] : []);
  });

  it('is found wherever it stands', () => {
    expect(shadowed({ ports: [one(1)] }, { hosts: ['*'] }, { ports: [one(1)] }, {})).toEqual([
      [2, 0],
      [3, 1],
    ]);
  });
});

describe('a destination that is an address and known by a name', () => {
  const direct = (hosts: string[], more: Conditions = {}): SteeringRule => ({
    ...more,
    hosts,
    action: { kind: 'direct', uplink: 'dsl' },
  });
  const HTTPS = { destination: { host: '192.0.2.1', port: 443 } };
  const rulesOf = (...rules: SteeringRule[]) => new RuleSet({ ...DEFAULTS, rules });

  it.each<[string, SteeringRule, string | undefined, boolean]>([
    ['the rule for its name', direct(['www.example.org']), 'www.example.org', true],
    ['the rule for names above it', direct(['*.example.org']), 'www.example.org', true],
    ['no rule for another name', direct(['other.example']), 'www.example.org', false],
    ['no rule for names while it has none', direct(['*.example.org']), undefined, false],
    ['a rule for its network as well', direct(['a.test'], { networks: ['192.0.2.0/24'] }), 'b.test', true],
    ['no rule for another port', direct(['a.test'], { ports: [one(80)] }), 'a.test', false],
  ])('meets %s', (_, rule, name, expected) => {
    const subject = { ...HTTPS, ...(name === undefined ? {} : { name }) };
    expect(rulesOf(rule).choose(subject).action.kind).toBe(expected ? 'direct' : 'steer');
  });

  const block = (rule: Conditions): SteeringRule => ({ ...rule, action: BLOCK });
  it.each<[string, SteeringRule[], boolean]>([
    ['there are no rules', [], false],
    ['no rule has names', [block({ networks: ['198.51.100.0/24'] })], false],
    ['a rule has names', [direct(['a.test'])], true],
    ['a rule with names is for another port', [direct(['a.test'], { ports: [one(80)] })], false],
    ['a rule with names is for a user', [direct(['a.test'], { users: ['alice'] })], false],
    ['an earlier rule has decided', [block({ networks: ['192.0.2.0/24'] }), direct(['a.test'])], false],
    ['an earlier rule is for something else', [block({ ports: [one(80)] }), direct(['a.test'])], true],
    ['a rule is for everything', [block({ hosts: ['*'] })], false],
  ])('whether its name matters: %s', (_, rules, expected) => {
    expect(rulesOf(...rules).wantsName(HTTPS)).toBe(expected);
  });
});
