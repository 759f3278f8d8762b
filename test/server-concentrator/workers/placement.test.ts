import { expect, it } from 'vitest';
import { joinNameOf, Placement } from '../../../server-concentrator/workers/placement.ts';

const HOUR_MS = 3_600_000;

/** The same numbers each time (a linear congruential generator). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** Workers that are all up, and the time. */
function placed(count: number) {
  const time = { nowMs: 0 };
  const placement = new Placement(count, () => time.nowMs, random(7));
  for (let i = 0; i < count; i++) placement.onUp(i);
  return { placement, time };
}

it('gives a connection to the worker that its server name tells, whatever the rest of the name is', () => {
  const { placement } = placed(3);
  for (let i = 0; i < 3; i++) {
    expect(placement.chooseFor(joinNameOf(i, 'c1.example.org'), '192.0.2.1')).toBe(i);
    expect(placement.chooseFor(joinNameOf(i, 'another.example'), '192.0.2.1')).toBe(i);
  }
});

it.each([
  ['w0.c1.example.org'],
  ['w4.c1.example.org'],
  ['w999.c1.example.org'],
  ['w1000.c1.example.org'],
  ['w01.c1.example.org'],
  ['w-1.c1.example.org'],
  ['w1'],
  ['www.example.org'],
  [''],
  [undefined],
])('gives one with the server name %s to the worker with the least to do', (name) => {
  const { placement } = placed(3);
  placement.onLoad(0, 0.5);
  placement.onLoad(1, 0.1);
  placement.onLoad(2, 0.9);
  expect(placement.chooseFor(name, '192.0.2.1')).toBe(1);
});

it('shares a burst out before anything is known of it', () => {
  const { placement } = placed(4);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 400; i++) counts[placement.chooseFor(undefined, `192.0.2.${i % 256}`)!]!++;
  for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(5);
});

it('shares clients out that all connect twice, of which the first connection says HELLO', () => {
  const { placement } = placed(2);
  const first = [0, 0];
  for (let i = 0; i < 200; i++) {
    first[placement.chooseFor(undefined, '192.0.2.1')!]!++;
    placement.chooseFor(undefined, '192.0.2.2');
  }
  for (const count of first) expect(count).toBeGreaterThan(70);
});

it('prefers fewer sessions where workers are equally busy, and less load where they are not', () => {
  const { placement } = placed(2);
  for (let i = 0; i < 5; i++) placement.onSessions(0, `a${i}`, 1);
  placement.onLoad(0, 0.32);
  placement.onLoad(1, 0.38);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBe(1);
  placement.onLoad(1, 0.7);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBe(0);
});

it('keeps all sessions of a client in one worker, and tells what the others have', () => {
  const { placement, time } = placed(2);
  expect(placement.homeOf('laptop', 1)).toEqual({ worker: 1, others: 0 });
  placement.onSessions(1, 'laptop', 1);
  placement.onSessions(0, 'phone', 1);
  expect(placement.homeOf('laptop', 0)).toEqual({ worker: 1, others: 1 });
  placement.onSessions(1, 'laptop', -1);
  // What it may have in an hour is counted there.
  time.nowMs = HOUR_MS - 1;
  expect(placement.homeOf('laptop', 0).worker).toBe(1);
  time.nowMs = 2 * HOUR_MS;
  expect(placement.homeOf('laptop', 0).worker).toBe(0);
});

it('gives a connection without a name to the worker of the client that its host is known for', () => {
  const { placement } = placed(2);
  placement.homeOf('laptop', 1);
  placement.onSessions(1, 'laptop', 1);
  placement.onProven('laptop', '192.0.2.1');
  placement.onLoad(1, 0.9);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBe(1);
  expect(placement.chooseFor(undefined, '192.0.2.2')).toBe(0);
  // Many clients behind one address say nothing of the next.
  placement.onProven('phone', '192.0.2.1');
  placement.onProven('laptop', '192.0.2.1');
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBe(0);
});

it('forgets the sessions of a worker that has ended, and gives it nothing until another is up', () => {
  const { placement } = placed(2);
  placement.homeOf('laptop', 0);
  placement.onSessions(0, 'laptop', 1);
  placement.onDown(0);
  expect(placement.workers[0]).toMatchObject({ isUp: false, sessions: 0 });
  expect(placement.chooseFor(joinNameOf(0, 'c1.example.org'), '192.0.2.1')).toBe(1);
  expect(placement.homeOf('laptop', 1).worker).toBe(1);
  placement.onDown(1);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBeUndefined();
  expect(placement.isAnyUp).toBe(false);
});

it('shares a burst out where one worker has less to do, before that shows in the load', () => {
  const { placement } = placed(2);
  placement.onLoad(0, 0.05);
  placement.onLoad(1, 0.15);
  const counts = [0, 0];
  for (let i = 0; i < 1_000; i++) counts[placement.chooseFor(undefined, `192.0.2.${i % 256}`)!]!++;
  for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(60);
});

it('gives nothing to a worker that says nothing, until it does', () => {
  const { placement } = placed(2);
  placement.homeOf('laptop', 0);
  placement.onSessions(0, 'laptop', 1);
  placement.onProven('laptop', '192.0.2.1');
  placement.onSilent(0);
  expect(placement.chooseFor(joinNameOf(0, 'c1.example.org'), '192.0.2.9')).toBe(1);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBe(1);
  expect(placement.isAnyUp).toBe(true);
  placement.onSilent(1);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBeUndefined();
  expect(placement.isAnyUp).toBe(false);
  placement.onLoad(0, 0.1);
  expect(placement.chooseFor(undefined, '192.0.2.1')).toBe(0);
  expect(placement.homeOf('laptop', 0).worker).toBe(0);
});

it('keeps no place for clients that are not on the list any more', () => {
  const { placement } = placed(2);
  for (const id of ['kept', 'removed']) placement.homeOf(id, 1);
  placement.keepClients((id) => id === 'kept');
  expect(placement.homeOf('kept', 0).worker).toBe(1);
  expect(placement.homeOf('removed', 0).worker).toBe(0);
});
