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

it('forgets clients that were removed, and not what their sessions still hold', () => {
  const levels = new MemoryLevels(LIMITS);
  const [gone, stays] = [levels.forSession('gone'), levels.forSession('stays')];
  gone.take(16 * MIB);
  stays.take(2 * MIB);
  levels.keepClients((clientId) => clientId === 'stays');
  expect([levels.largestClientBytes, levels.total.usedBytes]).toEqual([2 * MIB, 18 * MIB]);
  expect(levels.forSession('stays').freeBytes()).toBe(12 * MIB);
  gone.give(16 * MIB);
  expect(levels.total.usedBytes).toBe(2 * MIB);
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
