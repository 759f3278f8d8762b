import { expect, test } from 'vitest';
import { PassingMap } from '../../shared/protocol/passing-map.ts';
import { PassingSet } from '../../shared/protocol/passing-set.ts';
import { Random } from '../simulation/random.ts';

interface Member {
  readonly id: number;
}

test.each([1, 2, 3, 4, 5])('does as a Set does, also while it is walked (seed %i)', (seed) => {
  const numbers = new Random(seed);
  const next = () => numbers.next();
  const members = Array.from({ length: 12 }, (_, id): Member => ({ id }));
  const passing = new PassingSet<Member>();
  const plain = new Set<Member>();
  const change = () => {
    const member = members[Math.floor(next() * members.length)]!;
    if (next() < 0.5) {
      passing.add(member);
      plain.add(member);
    } else {
      expect(passing.delete(member)).toBe(plain.delete(member));
    }
    expect(passing.has(member)).toBe(plain.has(member));
  };
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 5; i++) change();
    const [mine, other] = [passing.values(), plain.values()];
    const steps = Math.floor(next() * 20);
    for (let step = 0; step < steps; step++) {
      expect(mine.next()).toEqual(other.next());
      if (next() < 0.6) change();
    }
    mine.return();
    expect(mine.next()).toEqual({ done: true, value: undefined });
    expect([...passing]).toEqual([...plain]);
    expect(passing.size).toBe(plain.size);
  }
});

test('a walk that is broken off by a loop or a pattern is over', () => {
  const passing = new PassingSet<Member>();
  for (let id = 0; id < 3; id++) passing.add({ id });
  for (const { id } of passing) if (id === 1) break;
  const [first] = passing;
  expect(first).toEqual({ id: 0 });
});

test('a PassingMap keeps the order of arrival', () => {
  const map = new PassingMap<number, Member>();
  for (const id of [3, 1, 2]) map.set(id, { id });
  map.set(3, { id: 33 });
  expect([...map.values()].map(({ id }) => id)).toEqual([33, 1, 2]);
  expect([map.delete(1), map.delete(1), map.get(1), map.get(2)]).toEqual([true, false, undefined, { id: 2 }]);
  expect(map.size).toBe(2);
  map.clear();
  expect([map.size, map.get(2), [...map.values()]]).toEqual([0, undefined, []]);
});
