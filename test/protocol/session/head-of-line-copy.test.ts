import { expect, it } from 'vitest';
import { headOfLineCopy } from '../../../shared/protocol/session/reinjection.ts';
import { SendStream } from '../../../shared/protocol/stream/send-stream.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();

it('copies only the part of a segment that is not delivered: the memory of the rest may be gone', () => {
  const stream = new SendStream(0, 1_000);
  for (const value of [1, 2]) {
    stream.write({ bytes: new Uint8Array(100).fill(value), headroomBytes: 0, release: () => {} });
  }
  stream.end();
  const slow = newSubflow({ id: 0 }, newUplink('slow', now), now);
  const fast = newSubflow({ id: 1 }, newUplink('fast', now), now);
  slow.meter.rtt.addSample(500);
  fast.meter.rtt.addSample(10);
  const segment = { kind: 'data', stream, dsn: 0, length: 200, fin: true } as const;
  slow.append(stream.take(0, 200, true), segment);
  // The first half has come through elsewhere, in a frame that was cut differently.
  stream.onReceipted(0, 100, false);
  const copy = headOfLineCopy(stream, stream.deliveredTo, [slow, fast], 400)!;
  expect(copy).toEqual({ target: fast, dsn: 100, length: 100, fin: true });
  const frame = Buffer.concat(stream.copy(copy.dsn, copy.length, copy.fin));
  expect(frame.subarray(24)).toEqual(Buffer.alloc(100, 2));
});
