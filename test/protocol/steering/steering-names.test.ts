import { expect, it } from 'vitest';
import { modeOfAlias, STEERING_ALIASES } from '../../../shared/protocol/steering/steering-names.ts';

it('names of ATSSS and of Apple mean these modes', () => {
  expect(
    STEERING_ALIASES.map((alias) => [alias, modeOfAlias(alias, false), modeOfAlias(alias, true)]),
  ).toEqual([
    ['smallest-delay', 'lowest-latency', 'lowest-latency'],
    ['load-balancing', 'aggregate', 'weighted'],
    ['priority-based', 'priority', 'priority'],
    ['handover', 'active-standby', 'active-standby'],
    ['interactive', 'lowest-latency', 'lowest-latency'],
  ]);
});
