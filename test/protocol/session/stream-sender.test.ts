import { expect, it, vi } from 'vitest';
import { SEGMENT_TUNING, StreamSender } from '../../../shared/protocol/session/stream-sender.ts';
import { Turn } from '../../../shared/protocol/session/turn.ts';
import { MAX_STEPS, QUEUE_TUNING } from '../../../shared/protocol/stream/stream-queue.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { newStream, streamContext } from '../stream/streams.ts';
import { CountingChunk, patternBytes } from '../support.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const context = streamContext(now);

function bed() {
  const statistics = { sentBytes: 0, reinjectedBytes: 0, copiedBytes: 0, redundantBytes: 0 };
  const sender = new StreamSender(
    { now, tuning: { queue: QUEUE_TUNING, segments: SEGMENT_TUNING } },
    statistics,
  );
  const subflows = ['dsl', 'lte'].map((name, id) => newSubflow({ id }, newUplink(name, now), now));
  const turn = () => {
    const one = new Turn(subflows);
    sender.begin(one);
    sender.send(one);
  };
  return { sender, statistics, subflows, turn };
}

function redundantStream(id: number) {
  const stream = newStream({ id, policy: { mode: 'redundant' } }, context);
  return { stream, looks: vi.spyOn(stream.steering.scheduler.repeats!, 'onCarriers') };
}

it('tells a redundant stream of its carriers when they change, and only while something of it is undelivered', () => {
  const { sender, statistics, subflows, turn } = bed();
  const [idle, busy] = [redundantStream(0), redundantStream(1)];
  for (const { stream } of [idle, busy]) {
    stream.send.write(new CountingChunk(patternBytes(0, 100)));
    sender.refresh(stream);
  }
  turn();
  expect(statistics).toMatchObject({ sentBytes: 400, redundantBytes: 200 });
  idle.stream.send.onReceipted(0, 100, false);
  sender.refresh(idle.stream);
  for (const { looks } of [idle, busy]) looks.mockClear();
  turn();
  expect([idle.looks.mock.calls.length, busy.looks.mock.calls.length]).toEqual([0, 0]);
  subflows[1]!.doubt(true);
  turn();
  subflows[1]!.recover();
  turn();
  expect([idle.looks.mock.calls.length, busy.looks.mock.calls.length]).toEqual([0, 2]);
  idle.stream.send.write(new CountingChunk(patternBytes(100, 50)));
  sender.refresh(idle.stream);
  turn();
  expect(idle.looks).toHaveBeenCalledTimes(1);
  expect(statistics).toMatchObject({ sentBytes: 500, redundantBytes: 250 });
});

it('gives a stream that waits for uplinks its turn again once one of them works', () => {
  const { sender, statistics, subflows, turn } = bed();
  const stream = newStream({ policy: { mode: 'aggregate', only: ['dsl'] } }, context);
  stream.send.write(new CountingChunk(patternBytes(0, 100)));
  sender.refresh(stream);
  subflows[0]!.doubt(false);
  turn();
  expect([[...sender.stranded], statistics.sentBytes]).toEqual([[stream], 0]);
  subflows[0]!.recover();
  turn();
  expect([sender.stranded.size, statistics.sentBytes]).toEqual([0, 100]);
});

it('lets a stream that waits for uplinks take others when it is steered anew', () => {
  const { sender, statistics, turn } = bed();
  const stream = newStream({ policy: { mode: 'aggregate', only: ['wifi'] } }, context);
  stream.send.write(new CountingChunk(patternBytes(0, 100)));
  sender.refresh(stream);
  turn();
  expect(sender.stranded.size).toBe(1);
  stream.steering.steer({ mode: 'aggregate' });
  sender.onSteered(stream);
  turn();
  expect([sender.stranded.size, statistics.sentBytes]).toEqual([0, 100]);
});

it('looks again at streams that it has passed by when their subflow has room before all had their look', () => {
  const { sender, subflows, turn } = bed();
  const [dsl, lte] = [subflows[0]!, subflows[1]!];
  const bindStream = (id: number, uplink: string) => {
    const stream = newStream({ id, policy: { mode: 'aggregate', only: [uplink] } }, context);
    stream.send.write(new CountingChunk(patternBytes(0, 100)));
    sender.refresh(stream);
  };
  for (let id = 0; id < MAX_STEPS; id++) bindStream(id, 'dsl');
  bindStream(MAX_STEPS, 'lte');
  dsl.outbox.setWritable(false);
  turn();
  expect([dsl.outbox.ledger.length, lte.outbox.ledger.length, sender.hasMore]).toEqual([0, 0, true]);
  dsl.outbox.setWritable(true);
  turn();
  expect(lte.outbox.ledger.length).toBe(1);
  expect(dsl.outbox.ledger.length).toBeGreaterThan(0);
});

it('does not go on for ever where nothing changes', () => {
  const { sender, subflows, turn } = bed();
  for (let id = 0; id < 2 * MAX_STEPS; id++) {
    const stream = newStream({ id, policy: { mode: 'aggregate', only: ['dsl'] } }, context);
    stream.send.write(new CountingChunk(patternBytes(0, 100)));
    sender.refresh(stream);
  }
  subflows[0]!.outbox.setWritable(false);
  let turns = 0;
  do turn();
  while (sender.hasMore && ++turns < 10);
  expect(turns).toBeLessThan(4);
});
