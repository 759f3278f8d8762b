import { expect, it } from 'vitest';
import { MAX_POLICIES, SessionSteering } from '../../../shared/protocol/steering/session-steering.ts';
import { STEERING_TUNING } from '../../../shared/protocol/steering/steering-tuning.ts';
import { thrownBy } from '../support.ts';
import { TestClock } from '../test-clock.ts';
import { NOTHING_SENT } from './mode-context.ts';

const make = () => new SessionSteering({ now: new TestClock(), tuning: STEERING_TUNING, followsPeer: false });

it('streams with equal policies share one object, and all that are not steered another', () => {
  const session = make();
  const begin = (policy: Parameters<typeof session.begin>[0]) => session.begin(policy, NOTHING_SENT);
  const bound = begin({ mode: 'redundant', only: ['dsl'] });
  expect(begin({ mode: 'redundant', only: ['dsl'] }).shared).toBe(bound.shared);
  expect(begin({ mode: 'redundant', only: ['lte'] }).shared).not.toBe(bound.shared);
  const free = begin({ mode: 'aggregate' });
  expect(begin({ mode: 'aggregate', weights: { dsl: 1 } }).shared).toBe(free.shared);
  expect([bound.isSteered, free.isSteered]).toEqual([true, false]);
  expect(begin({ mode: 'aggregate', order: ['dsl'] }).isSteered).toBe(true);
  expect(begin({ mode: 'aggregate', maxLoss: 0.02 }).isSteered).toBe(true);
  expect(begin({ mode: 'aggregate', only: ['dsl'] }).isSteered).toBe(true);
});

it('a policy is held as long as a stream has it', () => {
  const session = make();
  const [one, two] = [1, 2].map(() => session.begin({ mode: 'aggregate', only: ['dsl'] }, NOTHING_SENT));
  expect(session.boundTo).toEqual([['dsl']]);
  one!.steer({ mode: 'priority', only: ['lte'], order: ['lte'] });
  expect(session.boundTo).toEqual([['dsl'], ['lte']]);
  two!.end();
  expect(session.boundTo).toEqual([['lte']]);
  one!.steer({ mode: 'aggregate' });
  expect(session.boundTo).toEqual([]);
});

it('a stream that is steered by an equal policy keeps its shared object', () => {
  const session = make();
  const one = session.begin({ mode: 'round-robin' }, NOTHING_SENT);
  const before = one.shared;
  one.steer({ mode: 'round-robin' });
  expect(one.shared).toBe(before);
});

it('follows no more different policies than it may, those that are a mode alone not counted', () => {
  const session = make();
  const begin = (policy: Parameters<typeof session.begin>[0]) => session.begin(policy, NOTHING_SENT);
  const streams = Array.from({ length: MAX_POLICIES }, (_, i) =>
    begin({ mode: 'priority', order: [`u${i}`] }),
  );
  const tooMany = { code: 'resourceExceeded', name: 'StreamError' };
  const further = { mode: 'priority', order: ['further'] } as const;
  expect(thrownBy(() => begin(further))).toEqual(tooMany);
  begin({ mode: 'redundant' });
  begin({ mode: 'priority', order: ['u1'] });
  const plain = begin({ mode: 'aggregate' });
  expect(thrownBy(() => plain.steer(further))).toEqual(tooMany);
  expect(plain.shared.policy).toEqual({ mode: 'aggregate' });
  // One that is replaced makes room.
  expect(thrownBy(() => streams[1]!.steer(further))).toEqual(tooMany);
  streams[2]!.steer(further);
  streams[3]!.end();
  begin({ mode: 'priority', order: ['another'] });
});

it('counts both directions of a stream, and gives both back', () => {
  const session = make();
  const numbered = (i: number) => ({ mode: 'priority', order: [`u${i}`] }) as const;
  const both = (i: number) => ({ ...numbered(i), down: numbered(i + 1) });
  const tooMany = { code: 'resourceExceeded', name: 'StreamError' };
  for (let i = 0; i < MAX_POLICIES - 2; i++) session.begin(numbered(i), NOTHING_SENT);
  const plain = session.begin({ mode: 'aggregate' }, NOTHING_SENT);
  expect(plain.isSteered).toBe(false);
  plain.steer(both(1_000));
  expect(plain.shared.policy).toEqual(numbered(1_000));
  expect(thrownBy(() => session.begin(numbered(2_000), NOTHING_SENT))).toEqual(tooMany);
  plain.steer(both(3_000));
  plain.end();
  session.begin(both(4_000), NOTHING_SENT);
});
