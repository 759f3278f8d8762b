import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { steeringMistakes } from '../../../client-proxy/config/check-steering.ts';
import { clientSchema } from '../../../client-proxy/config/client-schema.ts';
import { BASE, mistakes, steeringOf } from './steering-config-text.ts';

describe('the default', () => {
  it.each([
    ['  default: aggregate', { mode: 'aggregate' }],
    ['  default: load-balancing', { mode: 'aggregate' }],
    ['  default: smallest-delay', { mode: 'lowest-latency' }],
    ['  default: interactive', { mode: 'lowest-latency' }],
    ['  default: handover', { mode: 'active-standby' }],
    ['  default: { mode: priority-based, order: [lte] }', { mode: 'priority', order: ['lte'] }],
    ['  default: redundant', { mode: 'redundant' }],
    ['  default: round-robin', { mode: 'round-robin' }],
    ['  default: { mode: priority, order: [lte, dsl] }', { mode: 'priority', order: ['lte', 'dsl'] }],
    [
      '  default: { mode: weighted, weights: { dsl: 70, lte: 0.5 } }',
      { mode: 'weighted', weights: { dsl: 70, lte: 0.5 } },
    ],
    [
      '  default: { mode: interactive, maxRtt: 250ms, maxLoss: 2% }',
      { mode: 'lowest-latency', maxRttMs: 250, maxLoss: 0.02 },
    ],
    ['  default: { mode: lowest-latency, maxLoss: 0.05 }', { mode: 'lowest-latency', maxLoss: 0.05 }],
    [
      '  default: { mode: load-balancing, weights: { dsl: 1, lte: 3 } }',
      { mode: 'weighted', weights: { dsl: 1, lte: 3 } },
    ],
    ['  rules: []', { mode: 'aggregate' }],
    [
      '  default: { mode: interactive, order: [dsl, lte] }',
      { mode: 'lowest-latency', order: ['dsl', 'lte'] },
    ],
    [
      '  default: { mode: load-balancing, maxRtt: 250ms, order: [dsl] }',
      { mode: 'aggregate', maxRttMs: 250, order: ['dsl'] },
    ],
    [
      '  default: { mode: redundant, maxLoss: 1%, order: [dsl] }',
      { mode: 'redundant', maxLoss: 0.01, order: ['dsl'] },
    ],
  ])('%s', (yaml, expected) => {
    expect(steeringOf(yaml)).toMatchObject({ default: expected, rules: [] });
  });
});

describe('rules', () => {
  it('have conditions as single values and as lists', () => {
    const { rules } = steeringOf(`  rules:
    - { host: Bank.Example, block: true }
    - { host: ["*.bank.example", "straße.example."], direct: dsl }
    - { cidr: 10.0.0.0/8, port: 22, user: alice, uplinks: [lte] }
    - { cidr: ["192.0.2.7", "2001:db8::/32"], port: [80, "8000-8100"], user: [alice, bob], mode: redundant }
`);
    const steer = (policy: object) => ({ kind: 'steer', policy });
    expect(rules).toEqual([
      { hosts: ['bank.example'], action: { kind: 'block' } },
      {
        hosts: ['*.bank.example', 'xn--strae-oqa.example'],
        action: { kind: 'direct', uplink: 'dsl' },
      },
      {
        networks: ['10.0.0.0/8'],
        ports: [{ from: 22, to: 22 }],
        users: ['alice'],
        action: steer({ mode: 'aggregate', only: ['lte'] }),
        datagramAction: steer({ mode: 'lowest-latency', only: ['lte'] }),
      },
      {
        networks: ['192.0.2.7/32', '2001:db8::/32'],
        ports: [
          { from: 80, to: 80 },
          { from: 8000, to: 8100 },
        ],
        users: ['alice', 'bob'],
        action: steer({ mode: 'redundant' }),
      },
    ]);
  });

  it('take the default for uplinks without a mode', () => {
    const { rules } = steeringOf(`  default: { mode: priority, order: [dsl, lte] }
  rules:
    - { port: 22, uplinks: [lte] }
    - { port: 80, mode: lowest-latency, maxRtt: 1s, uplinks: [dsl] }
`);
    expect(rules.map(({ action }) => action)).toEqual([
      { kind: 'steer', policy: { mode: 'priority', order: ['dsl', 'lte'], only: ['lte'] } },
      { kind: 'steer', policy: { mode: 'lowest-latency', maxRttMs: 1000, only: ['dsl'] } },
    ]);
  });
});

describe('time and cost', () => {
  it('are a condition of rules, and an order', () => {
    const { default: fallback, rules } = steeringOf(`  default: { mode: priority, order: cost }
  rules: [{ between: ["mon-fri 18:00-23:00 UTC", "0:00-6:00"], uplinks: [lte] }]
`);
    expect(fallback).toEqual({ mode: 'priority', orderBy: 'cost' });
    expect(rules).toMatchObject([
      {
        between: [{ days: [1, 2, 3, 4, 5], fromMinute: 1080, timeZone: 'UTC' }, { toMinute: 360 }],
        action: { kind: 'steer', policy: { mode: 'priority', orderBy: 'cost', only: ['lte'] } },
      },
    ]);
  });

  it.each([
    [
      '  rules: [{ between: "18-23", block: true }]',
      /^6:22: steering.rules\[0\].between: expected a time of day such as/,
    ],
    [
      '  default: { mode: priority, order: price }',
      /^6:37: steering.default.order: expected a list of uplinks/,
    ],
    [
      '  rules: [{ between: "8:00-9:00", block: true }, { between: "8:00-9:00", port: 22, block: true }]',
      /^6:50: steering.rules\[1\]: is never reached/,
    ],
  ])('a mistake: %s', (yaml, expected) => expect(mistakes(yaml)[0]).toMatch(expected));

  it('an order of cost needs the cost of an uplink', () => {
    const cost = { mode: 'priority', orderBy: 'cost' } as const;
    const config = { default: cost, datagrams: cost, rules: [] };
    expect(steeringMistakes(config, { uplinks: ['dsl'], users: [], hasCosts: true })).toEqual([]);
    expect(steeringMistakes(config, { uplinks: ['dsl'], users: [], hasCosts: false })).toHaveLength(1);
  });

  it('a rule that holds at times leaves room for one below it', () => {
    expect(
      steeringOf('  rules: [{ between: "8:00-9:00", block: true }, { port: 22, block: true }]').rules,
    ).toHaveLength(2);
  });
});

describe('a mistake', () => {
  it.each([
    [
      '  rules: [{ host: "www.example.org:443", block: true }]',
      /^6:19: steering.rules\[0\].host: expected a name/,
    ],
    [
      '  default: fastest',
      '6:12: steering.default: expected a steering mode: aggregate, lowest-latency, active-standby, priority, weighted, ' +
        'redundant, round-robin; or by another name: load-balancing, smallest-delay, interactive, handover, priority-based, ' +
        'found "fastest"',
    ],
    ['  default: constructor', /^6:12: steering.default: expected a steering mode/],
    [
      '  default: 7',
      '6:12: steering.default: expected a steering mode, or a map such as {mode: priority, order: [dsl, lte]}, found 7 (a number)',
    ],
    ['  default: { order: [dsl] }', /^6:3: steering.default.mode: missing: expected /],
    [
      '  default: { mode: aggregate, weights: { dsl: 1 } }',
      '6:40: steering.default.weights: has no effect with mode aggregate: it belongs to mode weighted',
    ],
    [
      '  default: priority',
      '6:12: steering.default: mode priority needs to know which uplink is preferred: add "order", such as [dsl, lte]; ' +
        'without a preference use aggregate',
    ],
    [
      '  rules: [{ port: 22, mode: priority-based, uplinks: [lte] }]',
      /^6:11: steering.rules\[0\]: mode priority needs /,
    ],
    [
      '  default: weighted',
      '6:12: steering.default: mode weighted needs the shares of the uplinks: add "weights", such as {dsl: 70, lte: 30}',
    ],
    [
      '  default: { mode: weighted, weights: { dsl: -1 } }',
      '6:46: steering.default.weights.dsl: expected a number above 0: the share of this uplink, in any unit, found -1 (a number)',
    ],
    [
      `  default: { mode: weighted, weights: { ${Array.from({ length: 17 }, (_, n) => `u${n}: 1`).join(', ')} } }`,
      /steering.default.weights: more uplinks than there can be, which is 16/,
    ],
    [
      '  default: { mode: interactive, maxLoss: 2 }',
      '6:42: steering.default.maxLoss: expected a share from 0 to 1, or a percentage such as "2%", found 2 (a number)',
    ],
    ['  default: { mode: interactive, maxLoss: 101% }', /^6:42: steering.default.maxLoss: expected a share/],
    ['  default: { mode: interactive, maxRtt: 250 }', /^6:41: steering.default.maxRtt: expected a duration/],
    [
      '  default: { mode: priority, order: [dsll] }',
      '6:38: steering.default.order[0]: no uplink is called "dsll": did you mean "dsl"?',
    ],
    [
      '  default: { mode: weighted, weights: { satellite: 1, dsl: 1 } }',
      '6:52: steering.default.weights.satellite: no uplink is called "satellite": there are dsl, lte',
    ],
    [
      '  rules: [{ direct: lt }]',
      '6:21: steering.rules[0].direct: no uplink is called "lt": did you mean "lte"?',
    ],
    [
      '  rules: [{ uplinks: [lte, wifi] }]',
      '6:28: steering.rules[0].uplinks[1]: no uplink is called "wifi": there are dsl, lte',
    ],
    [
      '  default: { mode: priority, order: [dsl, lte, dsl] }',
      '6:48: steering.default.order[2]: "dsl" stands here twice',
    ],
    ['  rules: [{ uplinks: [lte, lte] }]', '6:28: steering.rules[0].uplinks[1]: "lte" stands here twice'],
    [
      '  rules: [{ user: alcie, block: true }]',
      '6:19: steering.rules[0].user: no user is called "alcie" under socks.users: did you mean "alice"?',
    ],
    [
      '  rules: [{ port: 22, direct: dsl, block: true }]',
      '6:43: steering.rules[0].block: stands beside "direct", and a rule does one thing: take one of them out, or make two rules',
    ],
    [
      '  rules: [{ port: 22, mode: redundant, direct: dsl }]',
      '6:48: steering.rules[0].direct: stands beside "mode", and a rule does one thing: take one of them out, or make two rules',
    ],
    [
      '  rules: [{ port: 22, uplinks: [dsl], block: true }]',
      '6:46: steering.rules[0].block: stands beside "uplinks", and a rule does one thing: take one of them out, or make two rules',
    ],
    [
      '  rules: [{ port: 22 }]',
      '6:11: steering.rules[0]: says nothing about what to do: add one of mode, uplinks, up, down, concentrator, direct and block',
    ],
    [
      '  rules: [{ port: 22, direct: dsl, maxRtt: 1s }]',
      '6:44: steering.rules[0].maxRtt: without a mode: add the "mode" that it is for, one of aggregate, lowest-latency, ' +
        'active-standby, priority, weighted, redundant, round-robin',
    ],
    ['  rules: [{ block: false }]', '6:20: steering.rules[0].block: expected true, found false (a boolean)'],
    [
      '  rules: [{ block: true }, { port: 22, direct: dsl }]',
      '6:28: steering.rules[1]: is never reached, since steering.rules[0] matches all that it would: move it up, or take it out',
    ],
    [
      '  rules: [{ host: "192.0.2.1", block: true }]',
      '6:19: steering.rules[0].host: expected a name such as "www.example.org", or "*.example.org" for all below it, or "*" for ' +
        'everything (addresses go under cidr), found "192.0.2.1"',
    ],
    [
      '  rules: [{ host: ["a.test", "*.*.test"], block: true }]',
      /^6:30: steering.rules\[0\].host\[1\]: expected a name/,
    ],
    [
      '  rules: [{ host: 7, block: true }]',
      /^6:19: steering.rules\[0\].host: expected a name .*, or a list of such, found 7/,
    ],
    [
      '  rules: [{ cidr: 10.0.0.1/8, block: true }]',
      '6:19: steering.rules[0].cidr: expected a network or address such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32" (with its ' +
        'host bits zero), found "10.0.0.1/8"',
    ],
    [
      '  rules: [{ port: 0, block: true }]',
      '6:19: steering.rules[0].port: expected a port from 1 to 65535, or a range such as "8000-8100", found 0 (a number)',
    ],
    [
      '  rules: [{ port: [80, "9-8"], block: true }]',
      /^6:24: steering.rules\[0\].port\[1\]: expected a port/,
    ],
    [
      '  rules: [{ hots: a.test, block: true }]',
      '6:13: steering.rules[0]: unknown key "hots": did you mean "host"?',
    ],
    ['  defualt: aggregate', '6:3: steering: unknown key "defualt": did you mean "default"?'],
    [
      '  default: { mode: weighted, weights: { dsl: 1 } }\n  rules: [{ uplinks: [lte] }]',
      '7:22: steering.rules[0].uplinks: none of these uplinks has a share in the "weights" that hold here',
    ],
  ])('%s', (yaml, expected) => {
    const [found] = mistakes(yaml);
    expect(found).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  it('of the default is told once, though rules have it from there', () => {
    expect(
      mistakes('  default: { mode: priority, order: [dls] }\n  rules: [{ uplinks: [lte] }]'),
    ).toHaveLength(1);
  });
});

it('names of uplinks are not checked where they are not known', () => {
  const rules = [{ action: { kind: 'direct', uplink: 'anything' } as const }];
  const datagrams = { mode: 'lowest-latency' } as const;
  const config = { default: { mode: 'aggregate' } as const, datagrams, rules };
  expect(steeringMistakes(config, { uplinks: undefined, users: [], hasCosts: false })).toEqual([]);
  expect(steeringMistakes(config, { uplinks: ['dsl'], users: [], hasCosts: false })).toHaveLength(1);
});

describe('with uplinks that are found while running', () => {
  const found = (uplinks: string) =>
    clientSchema.safeParse(
      parse(`${BASE.replace(/^uplinks: .*$/m, uplinks)}steering: { rules: [{ direct: wlan0 }] }`),
    );

  it.each([
    'uplinks: auto',
    'uplinks: { auto: false, include: [wlan0] }',
    'uplinks: { list: [{ name: dsl, interface: eth0 }] }',
  ])('rules may name what is not known yet: %s', (uplinks) => expect(found(uplinks).success).toBe(true));

  it('rules may not where none is found', () => {
    const { error } = found('uplinks: { auto: false, list: [{ name: dsl, interface: eth0 }] }');
    expect(error?.issues[0]?.message).toContain('no uplink is called "wlan0"');
  });
});
