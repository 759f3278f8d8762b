import { expect, it } from 'vitest';
import { sessionTraffic } from '../../../server-concentrator/session/session-traffic.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

it('counts what a session carries by itself, with the others, and as the usage of its client', () => {
  const all = new TrafficTable(8);
  const usage = { upBytes: 0, downBytes: 0, connections: 0 };
  const one = sessionTraffic(all, usage);
  const other = sessionTraffic(all, usage);
  one.of('dsl').sentBytes += 1_000;
  one.of('dsl').receivedBytes += 10;
  other.of('dsl').sentBytes += 500;
  other.of('lte').receivedBytes += 7;
  // A packet that was counted as sent, and was not.
  one.of('dsl').sentBytes -= 400;
  const told = (table: TrafficTable) =>
    [...table.entries()].map(([name, { sentBytes, receivedBytes }]) => [name, sentBytes, receivedBytes]);
  expect(told(one)).toEqual([['dsl', 600, 10]]);
  expect(told(other)).toEqual([
    ['dsl', 500, 0],
    ['lte', 0, 7],
  ]);
  expect(told(all)).toEqual([
    ['dsl', 1_100, 10],
    ['lte', 0, 7],
  ]);
  expect(usage).toEqual({ upBytes: 17, downBytes: 1_100, connections: 0 });
});

it('tells 32 uplink names of a session apart', () => {
  const all = new TrafficTable(256);
  const traffic = sessionTraffic(all, { upBytes: 0, downBytes: 0, connections: 0 });
  for (let i = 0; i < 100; i++) traffic.of(`uplink-${i}`).sentBytes += 1;
  expect([...traffic.entries()].length).toBe(33);
  expect(all.of('other').sentBytes).toBe(68);
});
