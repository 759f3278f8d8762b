import { expect, it } from 'vitest';
import { resolvePolicy } from '../../../client-proxy/steering/steering-rule.ts';
import { fieldsOfPolicy } from '../../../shared/protocol/steering/policy-frame.ts';

const names = (prefix: string) => Array.from({ length: 16 }, (_, index) => `${prefix}${index}`);

it('takes of the order by cost what a frame has room for, those first that the policy names', () => {
  const weights = Object.fromEntries(names('gone').map((name) => [name, 1]));
  const cheapestFirst = [...names('dsl').slice(1), 'gone0'];
  const { order } = resolvePolicy({ mode: 'weighted', weights, orderBy: 'cost' }, cheapestFirst);
  expect(order).toEqual([...names('dsl').slice(1, 9), 'gone0']);
  expect(fieldsOfPolicy({ mode: 'weighted', weights, order: order! }, 1).uplinks).toHaveLength(24);
});
