import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { ReceiveAccount } from '../../../shared/protocol/stream/receive-account.ts';

const KIB = 1024;

function newAccount(limitBytes = 1024 * KIB) {
  const budget = new MemoryBudget(limitBytes);
  return { budget, account: new ReceiveAccount(budget) };
}

describe('ReceiveAccount', () => {
  it('takes what is promised or what is kept, whichever is more', () => {
    const { budget, account } = newAccount();
    expect(account.keep(10 * KIB)).toBe(true);
    expect(budget.usedBytes).toBe(12 * KIB);
    expect(account.tryPromise(100 * KIB, 1)).toBe(true);
    expect(budget.usedBytes).toBe(100 * KIB);
    // Kept in small pieces, it is more than the window.
    expect(account.keep(140 * KIB)).toBe(true);
    expect(budget.usedBytes).toBe(140 * KIB);
    account.keep(0);
    expect(budget.usedBytes).toBe(100 * KIB);
    account.close();
    expect(budget.usedBytes).toBe(0);
  });

  it('promises no more than a share, and keeps up to all', () => {
    const { account } = newAccount(100 * KIB);
    expect([account.tryPromise(51 * KIB, 0.5), account.tryPromise(50 * KIB, 0.5)]).toEqual([false, true]);
    expect([account.keep(100 * KIB), account.keep(101 * KIB)]).toEqual([true, false]);
  });

  it('takes nothing more once it is closed', () => {
    const { budget, account } = newAccount();
    account.close();
    expect([account.keep(5 * KIB), account.tryPromise(5 * KIB, 1), budget.usedBytes]).toEqual([
      true,
      false,
      0,
    ]);
  });
});
