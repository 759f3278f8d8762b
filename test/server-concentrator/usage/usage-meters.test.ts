import { expect, it } from 'vitest';
import { UsageMeters } from '../../../server-concentrator/usage/usage-meters.ts';

const BYTES = { upBytes: 1, downBytes: 2, connections: 3 };

/** A client that has carried this. */
function carry(meters: UsageMeters, client: string): void {
  Object.assign(meters.of(client), BYTES);
}

it('hands on what was counted since the last time', () => {
  const meters = new UsageMeters(1);
  carry(meters, 'van-7');
  expect(meters.collect()).toEqual([{ client: 'van-7', ...BYTES }]);
  expect(meters.collect()).toEqual([]);
  meters.of('van-7').upBytes += 5;
  expect(meters.collect()).toEqual([{ client: 'van-7', upBytes: 5, downBytes: 0, connections: 0 }]);
});

it('calls those by name that came first, and adds up the others', () => {
  const meters = new UsageMeters(1);
  expect([...meters.totals()]).toEqual([]);
  for (const client of ['first', 'second', 'third']) carry(meters, client);
  expect([...meters.totals()]).toEqual([
    ['first', BYTES],
    ['all others', { upBytes: 2, downBytes: 4, connections: 6 }],
  ]);
});

it('forgets clients that were removed, once all of theirs is handed on', () => {
  const meters = new UsageMeters(10);
  for (let i = 0; i < 1_000; i++) carry(meters, `passing-${i}`);
  carry(meters, 'kept');
  meters.keepClients((client) => client === 'kept');
  // Their sessions end a moment later, and count until then.
  expect(meters.collect()).toHaveLength(1_001);
  meters.of('passing-1').downBytes += 7;
  expect(meters.collect()).toEqual([{ client: 'passing-1', upBytes: 0, downBytes: 7, connections: 0 }]);
  for (let i = 0; i < 3; i++) expect(meters.collect()).toEqual([]);
  // It would go on from there if it were remembered.
  expect(meters.of('passing-1')).toEqual({ upBytes: 0, downBytes: 0, connections: 0 });
  expect(meters.of('kept')).toEqual(BYTES);
});

it('has no counter of a metric fall because a client was removed', () => {
  const meters = new UsageMeters(1);
  for (const client of ['named', 'other', 'another']) carry(meters, client);
  const others = ['all others', { upBytes: 2, downBytes: 4, connections: 6 }];
  meters.keepClients((client) => client === 'another');
  for (let i = 0; i < 4; i++) meters.collect();
  expect([...meters.totals()]).toEqual([others]);
  // The name is free again.
  carry(meters, 'new');
  expect([...meters.totals()]).toEqual([['new', BYTES], others]);
});

it('counts what a client that was quiet and is then removed carries in its last moment', () => {
  const meters = new UsageMeters(10);
  const meter = meters.of('van-7');
  for (let i = 0; i < 5; i++) meters.collect();
  meters.keepClients(() => false);
  expect(meters.collect()).toEqual([]);
  // Its session says farewell.
  meter.upBytes += 9;
  expect(meters.collect()).toEqual([{ client: 'van-7', upBytes: 9, downBytes: 0, connections: 0 }]);
});
