import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OpenLine, openRate } from '../../../server-concentrator/limits/open-line.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function bed(perSecond: number) {
  const waited: string[] = [];
  const refused = new Set<string>();
  const line = new OpenLine({
    rate: openRate(perSecond),
    clock: () => performance.now(),
    refuse: (id) => (refused.has(id) ? 'quotaUsedUp' : undefined),
    onWait: (id) => void waited.push(id),
  });
  /** Opens that have had their turn, by client. */
  const turns: Record<string, number> = {};
  const enter = (clientId: string, signal = new Cancellation()) => {
    const turn = line.enter(clientId, signal).then(() => {
      turns[clientId] = (turns[clientId] ?? 0) + 1;
    });
    turn.catch(() => {});
    return { turn, signal };
  };
  return { line, turns, waited, refused, enter };
}

it('lets a burst through at once and the rest at the rate, all of them', async () => {
  const { turns, waited, enter } = bed(200);
  for (let i = 0; i < 1_500; i++) enter('a');
  await vi.advanceTimersByTimeAsync(0);
  expect(turns.a).toBe(500);
  expect(waited).toHaveLength(1_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(turns.a).toBeGreaterThan(690);
  expect(turns.a).toBeLessThan(710);
  await vi.advanceTimersByTimeAsync(4_100);
  expect(turns.a).toBe(1_500);
  expect(vi.getTimerCount()).toBe(0);
});

it('slows a client that reaches its origins fifty times less: 10,000 quick opens are done at once', async () => {
  const { line, turns, enter } = bed(200);
  const startedMs = performance.now();
  for (let i = 0; i < 10_000; i++) void enter('a').turn.then(() => line.onReached('a'));
  while ((turns.a ?? 0) < 10_000) await vi.advanceTimersByTimeAsync(10);
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeLessThan(200);
});

it('paces each client by itself', async () => {
  const { turns, enter } = bed(200);
  for (let i = 0; i < 5_000; i++) enter('a');
  enter('b');
  await vi.advanceTimersByTimeAsync(0);
  expect(turns.b).toBe(1);
});

it('forgets those that are given up, which cost nothing then', async () => {
  const { turns, enter } = bed(10);
  for (let i = 0; i < 25; i++) enter('a');
  const given = Array.from({ length: 1_000 }, () => enter('a'));
  const last = enter('a');
  for (const { signal } of given) signal.abort(new Error('gone'));
  await expect(given[0]!.turn).rejects.toThrow('gone');
  await vi.advanceTimersByTimeAsync(101);
  await last.turn;
  expect(turns.a).toBe(26);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(vi.getTimerCount()).toBe(0);
});

it('refuses only in turn, so that refusals cost what other opens do', async () => {
  const { waited, refused, enter } = bed(10);
  refused.add('a');
  const codes: string[] = [];
  for (let i = 0; i < 100; i++) enter('a').turn.catch(({ code }) => void codes.push(code));
  await vi.advanceTimersByTimeAsync(0);
  expect(codes).toEqual(Array(25).fill('quotaUsedUp'));
  expect(waited).toHaveLength(75);
  await vi.advanceTimersByTimeAsync(1_001);
  expect(codes.length).toBeLessThan(37);
  refused.delete('a');
  await vi.advanceTimersByTimeAsync(10_000);
  expect([codes.length < 37, vi.getTimerCount()]).toEqual([true, 0]);
});
