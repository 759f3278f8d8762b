import { describe, expect, it } from 'vitest';
import { Redundant } from '../../../shared/protocol/steering/modes/redundant.ts';
import { RoundRobin } from '../../../shared/protocol/steering/modes/round-robin.ts';
import { Schedulers } from '../../../shared/protocol/steering/schedulers.ts';
import { STEERING_TUNING } from '../../../shared/protocol/steering/steering-tuning.ts';
import { TestClock } from '../test-clock.ts';
import { NOTHING_SENT } from './mode-context.ts';

const make = () => new Schedulers({ now: new TestClock(), tuning: STEERING_TUNING, followsPeer: false });

describe('Schedulers', () => {
  it('keep one for all streams where no policy has parameters, and one for each stream where it does', () => {
    const schedulers = make();
    const roundRobin = () => schedulers.for({ mode: 'round-robin' }, NOTHING_SENT);
    expect(roundRobin()).toBeInstanceOf(RoundRobin);
    expect(roundRobin()).toBe(roundRobin());
    const shares = { mode: 'weighted', weights: { a: 1 } } as const;
    expect(schedulers.for(shares, NOTHING_SENT)).not.toBe(schedulers.for(shares, NOTHING_SENT));
    expect(schedulers.for({ mode: 'aggregate' }, NOTHING_SENT)).not.toBe(roundRobin());
  });

  it('keep what the subflows were given of a redundant stream when it is steered anew, and no longer', () => {
    const schedulers = make();
    const first = schedulers.for({ mode: 'redundant' }, NOTHING_SENT);
    expect(first).toBeInstanceOf(Redundant);
    expect(schedulers.for({ mode: 'redundant', only: ['dsl'] }, NOTHING_SENT, first)).toBe(first);
    const between = schedulers.for({ mode: 'aggregate' }, NOTHING_SENT, first);
    expect(schedulers.for({ mode: 'redundant' }, NOTHING_SENT, between)).not.toBe(first);
  });
});
