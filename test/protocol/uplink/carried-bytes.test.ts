import { expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { CarriedByUplink, OTHER_UPLINKS } from '../../../shared/protocol/uplink/carried-bytes.ts';
import { dataFrame, SessionBed } from '../session/session-bed.ts';

it('counts by uplink, whichever order they come in', () => {
  const carried = new CarriedByUplink();
  expect(carried.all).toEqual([]);
  for (const name of ['dsl', 'lte', 'dsl', 'dsl', 'lte']) carried.of(name).sentBytes += 10;
  carried.of('lte').receivedBytes += 1;
  expect(new Map(carried.all.map((one) => [one.uplinkName, one]))).toEqual(
    new Map([
      ['dsl', { uplinkName: 'dsl', sentBytes: 30, receivedBytes: 0 }],
      ['lte', { uplinkName: 'lte', sentBytes: 20, receivedBytes: 1 }],
    ]),
  );
});

it('names 16 uplinks, and counts what further ones carry together', () => {
  const carried = new CarriedByUplink();
  for (let i = 0; i < 1_000; i++) carried.of(`uplink${i}`).sentBytes += 1;
  expect(carried.all).toHaveLength(17);
  expect(carried.all.find(({ uplinkName }) => uplinkName === OTHER_UPLINKS)?.sentBytes).toBe(984);
  expect(carried.all.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBe(1_000);
});

it('has what each uplink carries of each stream, both ways, and forgets it with the stream', () => {
  const bed = new SessionBed('client', [0, 1]);
  const { streams } = bed.session;
  const policy = (uplink: number) => ({ mode: 'aggregate', only: [`uplink${uplink}`] }) as const;
  const first = streams.open({ host: 'a.test', port: 443 }, policy(0));
  const second = streams.open({ host: 'b.test', port: 443 }, policy(1));
  streams.write(first, new OwnBytes(new Uint8Array(1_000)));
  streams.write(second, new OwnBytes(new Uint8Array(300)));
  bed.sent(0);
  bed.sent(1);
  const receive = (streamId: number, dsn: number, length: number, subflow: number) =>
    bed.receive(dataFrame(streamId, dsn, new Uint8Array(length)), subflow);
  receive(first, 0, 50, 1);
  receive(first, 50, 70, 0);
  const carried = (streamId: number) =>
    Object.fromEntries(streams.carriedOf(streamId).map(({ uplinkName, ...bytes }) => [uplinkName, bytes]));
  expect(carried(first)).toEqual({
    uplink0: { sentBytes: 1_000, receivedBytes: 70 },
    uplink1: { sentBytes: 0, receivedBytes: 50 },
  });
  expect(carried(second)).toEqual({ uplink1: { sentBytes: 300, receivedBytes: 0 } });
  streams.reset(first, 'cancelled');
  expect(carried(first)).toEqual({});
});
