import { expect, it } from 'vitest';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

it('counts the uplinks beyond its bound together', () => {
  const table = new TrafficTable(2);
  for (const name of ['dsl', 'lte', 'sat', 'wifi', 'dsl']) table.of(name).sentBytes += 1;
  expect([...table.entries()].map(([name, { sentBytes }]) => [name, sentBytes])).toEqual([
    ['dsl', 2],
    ['lte', 1],
    ['other', 2],
  ]);
});
