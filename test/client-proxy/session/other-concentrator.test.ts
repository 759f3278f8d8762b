import { expect, it, vi } from 'vitest';
import { echo, echoServer, twoConcentrators } from './two-concentrators.ts';

it('keeps a session that works when another concentrator does not know it, and dials that one no more', async () => {
  const { keeper, dialled, dsl, lte } = await twoConcentrators();
  const session = keeper.current;
  const stream = await echo(keeper, await echoServer());
  keeper.setUplinks([dsl, lte]);
  await vi.waitFor(() => expect(dialled).toContain('lte second'));
  await vi.waitFor(() => expect(dialled.filter((one) => one === 'lte first').length).toBeGreaterThan(5));
  stream.say(100_000);
  await vi.waitFor(() => expect(stream.received()).toBe(100_000));
  expect(keeper.current).toBe(session);
  expect(stream.failures).toEqual([]);
  expect(dialled.filter((one) => one === 'lte second')).toHaveLength(1);
});

it('joins where the session is once that can be reached', async () => {
  const { keeper, dialled, reaches, first, dsl, lte } = await twoConcentrators();
  const session = keeper.current;
  keeper.setUplinks([dsl, lte]);
  await vi.waitFor(() => expect(dialled).toContain('lte second'));
  reaches.lte = first.port;
  await vi.waitFor(() => expect(session?.snapshot().subflows.length).toBe(2), { timeout: 5_000 });
  expect(keeper.current).toBe(session);
});

it('tries every address again when the session has no other subflow, and begins anew where it is not known', async () => {
  const { keeper, dialled, reaches, transports, second, dsl, lte } = await twoConcentrators();
  const session = keeper.current;
  keeper.setUplinks([dsl, lte]);
  await vi.waitFor(() => expect(dialled).toContain('lte second'));
  // The first machine is gone without a word.
  reaches.dsl = second.port;
  for (const transport of transports) transport.destroy();
  await vi.waitFor(() => expect(keeper.current).toBeDefined(), { timeout: 5_000 });
  await vi.waitFor(() => expect(keeper.current).not.toBe(session), { timeout: 5_000 });
  const stream = await echo(keeper, await echoServer());
  stream.say(10);
  await vi.waitFor(() => expect(stream.received()).toBe(10));
});
