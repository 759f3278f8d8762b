import { expect, it } from 'vitest';
import { isModeName, modeNamed, STEERING_ALIASES } from '../../../shared/protocol/steering/mode-names.ts';
import { STEERING_MODE_NAMES } from '../../../shared/protocol/steering/modes.ts';

it('names of ATSSS and of Apple mean these modes', () => {
  const weights = { dsl: 1 };
  expect(
    STEERING_ALIASES.map((alias) => [alias, modeNamed(alias, {}), modeNamed(alias, { weights })]),
  ).toEqual([
    ['load-balancing', 'aggregate', 'weighted'],
    ['smallest-delay', 'lowest-latency', 'lowest-latency'],
    ['interactive', 'lowest-latency', 'lowest-latency'],
    ['handover', 'active-standby', 'active-standby'],
    ['priority-based', 'priority', 'priority'],
  ]);
});

it('a mode has its own name, and other words none', () => {
  for (const mode of STEERING_MODE_NAMES)
    expect([isModeName(mode), modeNamed(mode, {})]).toEqual([true, mode]);
  for (const word of ['', 'constructor', 'Aggregate', 'load-balancing ']) {
    expect([isModeName(word), modeNamed(word, {})]).toEqual([false, undefined]);
  }
});
