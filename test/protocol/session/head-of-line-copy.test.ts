import { expect, it } from 'vitest';
import { COPY_TUNING, headOfLineCopy } from '../../../shared/protocol/session/reinjection.ts';
import { UnderWay } from '../../../shared/protocol/session/under-way.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { newStream } from '../stream/streams.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

it('copies only the part of a segment that is not delivered: the memory of the rest may be gone', () => {
  const stream = newStream({ sendLimitDsn: 1_000 });
  const { send } = stream;
  for (const value of [1, 2]) {
    send.write({ bytes: new Uint8Array(100).fill(value), headroomBytes: 0, release: () => {} });
  }
  send.end();
  const slow = newSubflow({ id: 0 }, newUplink('slow', now), now);
  const fast = newSubflow({ id: 1 }, newUplink('fast', now), now);
  slow.meter.rtt.addSample(500);
  fast.meter.rtt.addSample(10);
  const segment = { kind: 'data', stream, dsn: 0, length: 200, fin: true, again: undefined } as const;
  slow.append(send.take(0, 200, true), segment);
  // The first half has come through elsewhere, in a frame that was cut differently.
  send.onReceipted(0, 100, false);
  const subflows = [slow, fast];
  const options = { now: at(400, now), tuning: { copies: COPY_TUNING } };
  const copy = headOfLineCopy(stream, send.deliveredTo, subflows, new UnderWay(subflows), options)!;
  expect(copy).toEqual({ target: fast, firstSentMs: 0, dsn: 100, length: 100, fin: true });
  const frame = Buffer.concat(send.copy(copy.dsn, copy.length, copy.fin));
  expect(frame.subarray(24)).toEqual(Buffer.alloc(100, 2));
});
