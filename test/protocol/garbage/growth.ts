import { PassingMap } from '../../../shared/protocol/passing-map.ts';
import { PassingSet } from '../../../shared/protocol/passing-set.ts';

/**
 * A program that prints, as JSON, what the heap grows by while 2,000 members of 8 kB come and go, 32 of them at a time, in each
 * kind of collection. It collects the young itself, and is started with options that rule out any other collection.
 */
const MEMBERS = 2_000;
const PRESENT = 32;
const COLLECT_EVERY = 100;

interface Heavy {
  readonly id: number;
  readonly weight: readonly number[];
}

function growthBytes(add: (member: Heavy) => void, leave: (member: Heavy) => void): number {
  const present: Heavy[] = [];
  const come = (id: number) => {
    const member = { id, weight: new Array(1000).fill(id) };
    present.push(member);
    add(member);
  };
  for (let id = 0; id < PRESENT; id++) come(id);
  gc!();
  const { heapUsed } = process.memoryUsage();
  for (let id = PRESENT; id < MEMBERS; id++) {
    leave(present.shift()!);
    come(id);
    if (id % COLLECT_EVERY === 0) gc!({ type: 'minor', execution: 'sync' });
  }
  gc!({ type: 'minor', execution: 'sync' });
  return process.memoryUsage().heapUsed - heapUsed;
}

const [passingSet, set] = [new PassingSet<Heavy>(), new Set<Heavy>()];
const [passingMap, map] = [new PassingMap<number, Heavy>(), new Map<number, Heavy>()];
const growth = {
  PassingSet: growthBytes(
    (member) => passingSet.add(member),
    (member) => passingSet.delete(member),
  ),
  PassingMap: growthBytes(
    (member) => passingMap.set(member.id, member),
    ({ id }) => passingMap.delete(id),
  ),
  Set: growthBytes(
    (member) => set.add(member),
    (member) => set.delete(member),
  ),
  Map: growthBytes(
    (member) => map.set(member.id, member),
    ({ id }) => map.delete(id),
  ),
};
console.log(JSON.stringify(growth));
