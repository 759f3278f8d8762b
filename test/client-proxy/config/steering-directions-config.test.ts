import { describe, expect, it } from 'vitest';
import { mistakes, steeringOf } from './steering-config-text.ts';

describe('each direction by itself', () => {
  const policy = (yaml: string) => {
    const { default: fallback, rules } = steeringOf(yaml);
    const [action] = rules.map(({ action }) => action);
    return action?.kind === 'steer' ? action.policy : fallback;
  };

  it.each([
    [
      '  rules: [{ port: 443, up: { uplinks: [lte] }, down: { uplinks: [dsl] } }]',
      { mode: 'aggregate', only: ['lte'], down: { mode: 'aggregate', only: ['dsl'] } },
    ],
    [
      '  rules: [{ port: 443, up: { mode: handover, order: [lte] }, down: redundant }]',
      { mode: 'active-standby', order: ['lte'], down: { mode: 'redundant' } },
    ],
    [
      '  rules: [{ mode: priority, order: [dsl, lte], down: { uplinks: [dsl] } }]',
      {
        mode: 'priority',
        order: ['dsl', 'lte'],
        down: { mode: 'priority', order: ['dsl', 'lte'], only: ['dsl'] },
      },
    ],
    [
      '  rules: [{ uplinks: [dsl], up: { mode: redundant } }]',
      { mode: 'redundant', only: ['dsl'], down: { mode: 'aggregate', only: ['dsl'] } },
    ],
    ['  rules: [{ up: redundant, down: redundant }]', { mode: 'redundant' }],
    [
      '  default: { mode: aggregate, up: { uplinks: [lte] } }',
      { mode: 'aggregate', only: ['lte'], down: { mode: 'aggregate' } },
    ],
    [
      '  default: { mode: aggregate, down: redundant }\n  rules: [{ uplinks: [lte] }]',
      { mode: 'aggregate', only: ['lte'], down: { mode: 'redundant', only: ['lte'] } },
    ],
    [
      '  default: { mode: aggregate, down: redundant }\n  rules: [{ mode: round-robin }]',
      { mode: 'round-robin' },
    ],
  ])('%s', (yaml, expected) => expect(policy(yaml)).toEqual(expected));

  it.each([
    [
      '  rules: [{ up: {} }]',
      '6:17: steering.rules[0].up: says nothing about this direction: add mode, or uplinks',
    ],
    [
      '  rules: [{ up: priority }]',
      /^6:17: steering.rules\[0\].up: mode priority needs to know which uplink is preferred/,
    ],
    [
      '  rules: [{ down: { uplinks: [lt] } }]',
      '6:31: steering.rules[0].down.uplinks[0]: no uplink is called "lt": did you mean "lte"?',
    ],
    ['  rules: [{ down: { order: [lte] } }]', /^6:19: steering.rules\[0\].down: says nothing/],
    [
      '  rules: [{ down: { mode: redundant, uplink: [lte] } }]',
      /^6:38: steering.rules\[0\].down: unknown key "uplink"/,
    ],
    ['  rules: [{ up: 7 }]', /^6:17: steering.rules\[0\].up: expected a steering mode, or a map/],
    [
      '  rules: [{ up: redundant, block: true }]',
      '6:35: steering.rules[0].block: stands beside "up", and a rule does one thing: take one of them out, or make two rules',
    ],
  ])('a mistake: %s', (yaml, expected) => {
    const [found] = mistakes(yaml);
    expect(found).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });
});
