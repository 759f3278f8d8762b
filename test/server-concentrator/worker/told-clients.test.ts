import { expect, it } from 'vitest';
import type { ClientEntry } from '../../../server-concentrator/config/concentrator-config.ts';
import type { UsageCount } from '../../../server-concentrator/usage/usage-count.ts';
import type { PrimaryCalls, UsedBytes } from '../../../server-concentrator/worker/calls.ts';
import { ToldClients } from '../../../server-concentrator/worker/told-clients.ts';
import { keyOf } from '../concentrator-bed.ts';

const client = (id: string): ClientEntry => ({ id, key: keyOf(id) });
const count = (id: string, downBytes: number): UsageCount => ({
  ...{ client: id, upBytes: 0, downBytes, connections: 0 },
});

/** Clients as the first process tells them, what that is asked, and the time. */
function told() {
  const time = { nowMs: Date.UTC(2026, 10, 30, 23, 59, 50) };
  const asked: (readonly UsageCount[])[] = [];
  const first: { answer(counts: readonly UsageCount[]): UsedBytes | Promise<UsedBytes> } = {
    answer: () => ({ used: [], trouble: undefined }),
  };
  const ask = async <Name extends keyof PrimaryCalls>(_name: Name, value: PrimaryCalls[Name]['value']) => {
    asked.push(value as readonly UsageCount[]);
    return first.answer(value as readonly UsageCount[]);
  };
  const clients = new ToldClients({ ask: ask as never }, [client('laptop')], () => time.nowMs);
  return { clients, first, asked, time };
}

it('has the list that the worker began with, and each later one', async () => {
  const { clients } = told();
  const lists: string[][] = [];
  clients.onList([client('laptop'), client('phone')]);
  const begun = await clients.start((list) => lists.push(list.map(({ id }) => id)));
  expect(begun.map(({ id }) => id)).toEqual(['laptop', 'phone']);
  clients.onList([client('phone')]);
  clients.onList([]);
  expect(lists).toEqual([['phone'], []]);
});

it('tells what is counted, once, and learns what was used at all', async () => {
  const { clients, first, asked } = told();
  first.answer = () => ({ used: [['laptop', 500]], trouble: { sinceMs: 1, reason: 'away' } });
  clients.add([count('laptop', 7)]);
  await clients.close([count('laptop', 8)]);
  expect(asked).toEqual([[count('laptop', 7)], [count('laptop', 8)]]);
  expect(clients.usedBytes('laptop')).toBe(500);
  expect(clients.usedBytes('phone')).toBe(0);
  expect(clients.trouble?.reason).toBe('away');
});

it('forgets what clients used that were removed', () => {
  const { clients } = told();
  for (let i = 0; i < 1_000; i++) clients.onUsed(`passing-${i}`, 500);
  clients.onUsed('laptop', 7);
  clients.onList([client('laptop')]);
  // It is told again by the first process where one comes back.
  expect([clients.usedBytes('passing-1'), clients.usedBytes('laptop')]).toEqual([0, 7]);
});

it('goes on with what it knows where the first process does not answer', async () => {
  const { clients, first } = told();
  clients.onUsed('laptop', 300);
  first.answer = () => Promise.reject(new Error('the other process is gone'));
  await clients.close([count('laptop', 1)]);
  expect(clients.usedBytes('laptop')).toBe(300);
});

it('begins a month with nothing used: of a client that carries nothing it is not told', () => {
  const { clients, time } = told();
  clients.onUsed('laptop', 300);
  expect(clients.usedBytes('laptop')).toBe(300);
  time.nowMs += 20_000;
  expect(clients.usedBytes('laptop')).toBe(0);
  clients.onUsed('laptop', 10);
  expect(clients.usedBytes('laptop')).toBe(10);
});

it('does not take what was asked in one month and answered in the next', async () => {
  const { clients, first, time } = told();
  let answer: (used: UsedBytes) => void = () => {};
  first.answer = () => new Promise((resolve) => (answer = resolve));
  const telling = clients.close([count('laptop', 1)]);
  time.nowMs += 20_000;
  answer({ used: [['laptop', 300]], trouble: undefined });
  await telling;
  expect(clients.usedBytes('laptop')).toBe(0);
});
