import { describe, expect, it } from 'vitest';
import { KEPT_SHARE, MemoryBudget } from '../../shared/protocol/memory-budget.ts';

/** A process with two clients and a session of each. */
function levels(totalBytes = 1_000, clientBytes = 400, sessionBytes = 300) {
  const total = new MemoryBudget(totalBytes);
  const clients = [new MemoryBudget(clientBytes, total), new MemoryBudget(clientBytes, total)] as const;
  const sessions = clients.map((client) => new MemoryBudget(sessionBytes, client));
  return { total, clients, sessions: sessions as [MemoryBudget, MemoryBudget] };
}

describe('MemoryBudget', () => {
  it('takes as long as there is room, and again when some was given back', () => {
    const budget = new MemoryBudget(100);
    expect([budget.tryTake(60), budget.tryTake(41)]).toEqual([true, false]);
    expect([budget.usedBytes, budget.freeBytes()]).toEqual([60, 40]);
    expect(budget.tryTake(40)).toBe(true);
    budget.give(50);
    expect(budget.freeBytes()).toBe(50);
  });

  it('has another limit when it is told so, and nothing more until what is beyond it is given back', () => {
    const budget = new MemoryBudget(100);
    budget.take(80);
    budget.setLimit(200);
    expect([budget.freeBytes(), budget.isFull]).toEqual([120, false]);
    budget.setLimit(50);
    expect([budget.freeBytes(), budget.isFull, budget.tryTake(1)]).toEqual([0, true, false]);
    budget.give(60);
    expect(budget.freeBytes()).toBe(30);
  });

  it('counts at every level', () => {
    const { total, clients, sessions } = levels();
    expect([sessions[0].tryTake(301), sessions[0].tryTake(300)]).toEqual([false, true]);
    const another = new MemoryBudget(300, clients[0]);
    expect([another.freeBytes(), another.tryTake(101), another.tryTake(100)]).toEqual([100, false, true]);
    expect([total.usedBytes, clients[0].usedBytes, clients[1].usedBytes]).toEqual([400, 400, 0]);
    expect(sessions[1].freeBytes()).toBe(300);
    sessions[0].give(300);
    another.give(100);
    expect(total.usedBytes).toBe(0);
  });

  it('keeps a share of each level for what must be kept, but at a shared top level nearly all may be promised', () => {
    const { total, sessions } = levels(1_000, 1_000, 1_000);
    expect(sessions[0].tryTake(501, 0.5)).toBe(false);
    expect(sessions[0].tryTake(500, 0.5)).toBe(true);
    expect(sessions[0].freeBytes(0.5)).toBe(0);
    expect(sessions[1].freeBytes(0.5)).toBe(375);
    expect(total.freeBytes()).toBe(500);
  });

  it('takes what is there already past its limit, and nothing else then', () => {
    const budget = new MemoryBudget(100);
    budget.take(150);
    expect([budget.freeBytes(), budget.tryTake(1), budget.isFull]).toEqual([0, false, true]);
    budget.give(60);
    expect([budget.freeBytes(), budget.isFull]).toEqual([10, true]);
  });

  it('has room for half of each level to last, and for more at a top level that others share', () => {
    const { total, clients, sessions } = levels(1_000, 400, 400);
    expect([sessions[0].hasRoomToLast(201), sessions[0].hasRoomToLast(200)]).toEqual([false, true]);
    sessions[0].takeLasting(200);
    const another = new MemoryBudget(400, clients[0]);
    expect([another.hasRoomToLast(1), sessions[1].hasRoomToLast(200)]).toEqual([false, true]);
    expect([total.usedBytes, clients[0].usedBytes]).toEqual([200, 200]);
    total.takeLasting(500);
    expect([sessions[1].hasRoomToLast(51), sessions[1].hasRoomToLast(50)]).toEqual([false, true]);
    sessions[0].giveLasting(1);
    expect([another.hasRoomToLast(1), another.hasRoomToLast(2)]).toEqual([true, false]);
  });

  it('is tight from three quarters of a session or a client on, whatever the others use', () => {
    const { clients, sessions } = levels();
    sessions[0].take(224);
    expect(sessions[0].isTight).toBe(false);
    sessions[0].take(1);
    expect([sessions[0].isTight, sessions[1].isTight]).toEqual([true, false]);
    sessions[0].give(225);
    clients[0].take(300);
    expect([sessions[0].isTight, sessions[0].isFull]).toEqual([true, false]);
  });

  it('is full from seven eighths of a session or a client on, and then keeps a quarter more of it', () => {
    const { clients, sessions } = levels(3_200, 800, 800);
    sessions[0].take(699);
    expect(sessions[0].isFull).toBe(false);
    sessions[0].take(1);
    expect([sessions[0].isFull, sessions[1].isFull]).toEqual([true, false]);
    expect([sessions[0].tryTake(201, KEPT_SHARE), sessions[0].tryTake(200, KEPT_SHARE)]).toEqual([
      false,
      true,
    ]);
    sessions[0].give(900);
    clients[0].take(700);
    expect([sessions[0].isFull, sessions[0].freeBytes(KEPT_SHARE)]).toEqual([true, 200]);
  });

  it('keeps no more than the top level has', () => {
    const { sessions } = levels(400, 400, 400);
    sessions[0].take(300);
    expect(sessions[0].freeBytes(KEPT_SHARE)).toBe(100);
  });

  it('is full where a level is contested and it has more than its part', () => {
    const { sessions } = levels(1_000, 900, 900);
    sessions[0].take(700);
    // Alone it may.
    expect(sessions[0].isFull).toBe(false);
    sessions[1].take(100);
    expect([sessions[0].isFull, sessions[1].isFull, sessions[1].isTight]).toEqual([true, false, false]);
    sessions[1].give(100);
    expect(sessions[0].isFull).toBe(false);
  });

  it('is full for all when the top level is', () => {
    const { sessions } = levels(400, 300, 300);
    sessions[0].take(200);
    sessions[1].take(200);
    expect([sessions[0].isFull, sessions[1].isFull]).toEqual([true, true]);
  });

  it('counts refusals at every level above', () => {
    const { total, clients, sessions } = levels();
    sessions[0].onRefused();
    sessions[1].onRefused();
    expect([total.refusals, clients[0].refusals, sessions[1].refusals]).toEqual([2, 1, 1]);
  });
});
