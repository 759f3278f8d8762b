import { expect, it } from 'vitest';
import { MemoryLevels, SubflowMemory } from '../../../server-concentrator/session/memory-levels.ts';

const MIB = 1024 * 1024;
const LIMITS = {
  memoryTotalBytes: 64 * MIB,
  memoryPerClientBytes: 16 * MIB,
  memoryPerSessionBytes: 12 * MIB,
};

it('sessions of one client share its part, those of another have their own', () => {
  const levels = new MemoryLevels(LIMITS);
  const [one, two, other] = [levels.forSession('a'), levels.forSession('a'), levels.forSession('b')];
  expect([one.tryTake(12 * MIB), two.tryTake(5 * MIB), two.tryTake(4 * MIB)]).toEqual([true, false, true]);
  expect(other.freeBytes()).toBe(12 * MIB);
  expect([levels.total.usedBytes, levels.largestClientBytes, levels.poolBytes]).toEqual([
    16 * MIB,
    16 * MIB,
    4 * MIB,
  ]);
});

it('a session may have its first subflows when memory is full, and more only with room', () => {
  const memory = new MemoryLevels(LIMITS).forSession('a');
  const subflows = new SubflowMemory(memory);
  memory.take(12 * MIB);
  let count = 0;
  for (; subflows.hasRoom; count++) subflows.add();
  expect(count).toBe(8);
  memory.give(12 * MIB);
  expect(subflows.hasRoom).toBe(true);
  subflows.close();
  subflows.remove();
  expect(memory.usedBytes).toBe(0);
});
