import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { echo, echoServer, twoConcentrators } from './two-concentrators.ts';

it('keeps a session that works when another concentrator does not know it, and dials that one no more', async () => {
  const { keeper, dialled, dsl, lte } = await twoConcentrators();
  const session = keeper.current;
  const stream = await echo(keeper, await echoServer());
  keeper.setUplinks([dsl, lte]);
  await eventually(() => expect(dialled).toContain('lte second'));
  await eventually(() => expect(dialled.filter((one) => one === 'lte first').length).toBeGreaterThan(5));
  stream.say(100_000);
  await eventually(() => expect(stream.received()).toBe(100_000));
  expect(keeper.current).toBe(session);
  expect(stream.failures).toEqual([]);
  expect(dialled.filter((one) => one === 'lte second')).toHaveLength(1);
});

it('joins where the session is once that can be reached', async () => {
  const { keeper, dialled, reaches, first, dsl, lte } = await twoConcentrators();
  const session = keeper.current;
  keeper.setUplinks([dsl, lte]);
  await eventually(() => expect(dialled).toContain('lte second'));
  reaches.lte = first.port;
  await eventually(() => expect(session?.snapshot().subflows.length).toBe(2));
  expect(keeper.current).toBe(session);
});

it('tries every address again when the session has no other subflow, and begins anew where it is not known', async () => {
  const { keeper, dialled, reaches, transports, second, dsl, lte } = await twoConcentrators();
  const session = keeper.current;
  keeper.setUplinks([dsl, lte]);
  await eventually(() => expect(dialled).toContain('lte second'));
  // The first machine is gone without a word.
  reaches.dsl = second.port;
  for (const transport of transports) transport.destroy();
  await eventually(() => expect(keeper.current).toBeDefined());
  await eventually(() => expect(keeper.current).not.toBe(session));
  const stream = await echo(keeper, await echoServer());
  stream.say(10);
  await eventually(() => expect(stream.received()).toBe(10));
});
