import { describe, expect, it } from 'vitest';
import { mistakes, steeringOf } from './steering-config-text.ts';

describe('how datagrams are steered', () => {
  it.each<[string, string, object]>([
    ['for a low delay', '  {}', { mode: 'lowest-latency' }],
    [
      'with what is preferred in the default for connections',
      '  default: { mode: priority, order: [dsl, lte], maxRtt: 200ms }',
      { mode: 'lowest-latency', order: ['dsl', 'lte'], maxRttMs: 200 },
    ],
    [
      'with the order of cost',
      '  default: { mode: priority, order: cost }',
      { mode: 'lowest-latency', orderBy: 'cost' },
    ],
    [
      'with what holds for one direction',
      '  default: { mode: aggregate, down: { mode: weighted, weights: { dsl: 1 }, uplinks: [dsl] } }',
      { mode: 'lowest-latency', down: { mode: 'lowest-latency', only: ['dsl'] } },
    ],
    [
      'as the file says',
      '  default: { mode: priority, order: [dsl, lte] }\n  datagrams: redundant',
      { mode: 'redundant' },
    ],
    [
      'as the file says, with parameters',
      '  datagrams: { mode: interactive, order: [lte, dsl], maxLoss: 1% }',
      { mode: 'lowest-latency', order: ['lte', 'dsl'], maxLoss: 0.01 },
    ],
  ])('%s', (_, yaml, expected) => expect(steeringOf(yaml).datagrams).toEqual(expected));

  it('by rules: a mode holds for both, and what a rule leaves out is as in the default of each', () => {
    const { rules } = steeringOf(`  default: { mode: priority, order: [dsl, lte] }
  datagrams: redundant
  rules:
    - { port: 5060, mode: lowest-latency }
    - { port: 443, uplinks: [lte] }
    - { protocol: udp, port: 80, block: true }
    - { protocol: tcp, direct: dsl }
`);
    const steer = (policy: object) => ({ kind: 'steer', policy });
    expect(rules).toMatchObject([
      { action: steer({ mode: 'lowest-latency' }) },
      {
        action: steer({ mode: 'priority', order: ['dsl', 'lte'], only: ['lte'] }),
        datagramAction: steer({ mode: 'redundant', only: ['lte'] }),
      },
      { protocol: 'udp', action: { kind: 'block' } },
      { protocol: 'tcp', action: { kind: 'direct', uplink: 'dsl' } },
    ]);
    expect(rules.map(({ datagramAction }) => datagramAction === undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it.each([
    ['  datagrams: fastest', /^6:14: steering.datagrams: expected a steering mode/],
    ['  datagrams: priority', /^6:14: steering.datagrams: mode priority needs to know which uplink/],
    [
      '  datagrams: { mode: interactive, order: [dls] }',
      /^6:43: steering.datagrams.order\[0\]: no uplink is called "dls"/,
    ],
    [
      '  rules: [{ protocol: sctp, block: true }]',
      /^6:23: steering.rules\[0\].protocol: expected tcp or udp/,
    ],
    [
      '  rules: [{ port: 443, block: true }, { protocol: udp, port: 443, direct: dsl }]',
      /^6:39: steering.rules\[1\]: is never reached/,
    ],
  ])('a mistake: %s', (yaml, expected) => expect(mistakes(yaml)[0]).toMatch(expected));

  it('a rule for one protocol leaves room for the other', () => {
    expect(
      steeringOf(
        '  rules: [{ protocol: tcp, port: 443, block: true }, { protocol: udp, port: 443, direct: dsl }, { port: 443, direct: lte }]',
      ).rules,
    ).toHaveLength(3);
  });

  it('a mistake in a rule is told once', () => {
    expect(mistakes('  rules: [{ port: 5060, mode: interactive, weights: { dsl: 1 } }]')).toHaveLength(1);
  });
});
