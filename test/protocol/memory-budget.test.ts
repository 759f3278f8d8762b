import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';

describe('MemoryBudget', () => {
  it('reserves as long as there is room, and again after a release', () => {
    const budget = new MemoryBudget(100);
    expect(budget.tryReserve(60)).toBe(true);
    expect(budget.tryReserve(41)).toBe(false);
    expect([budget.reservedBytes, budget.availableBytes]).toEqual([60, 40]);
    expect(budget.tryReserve(40)).toBe(true);
    budget.release(50);
    expect(budget.availableBytes).toBe(50);
  });

  it('must fit in its parent, too', () => {
    const processWide = new MemoryBudget(100);
    const [one, other] = [new MemoryBudget(80, processWide), new MemoryBudget(80, processWide)];
    expect(one.tryReserve(70)).toBe(true);
    expect(other.availableBytes).toBe(30);
    expect(other.tryReserve(31)).toBe(false);
    expect(other.tryReserve(30)).toBe(true);
    expect([processWide.reservedBytes, processWide.availableBytes]).toEqual([100, 0]);
    one.release(70);
    other.release(30);
    expect(processWide.reservedBytes).toBe(0);
  });

  it('grants floors past its limit, and then nothing else', () => {
    const budget = new MemoryBudget(100);
    budget.reserve(150);
    expect([budget.availableBytes, budget.tryReserve(1), budget.tryReserve(0)]).toEqual([0, false, true]);
    budget.release(60);
    expect(budget.availableBytes).toBe(10);
  });
});
