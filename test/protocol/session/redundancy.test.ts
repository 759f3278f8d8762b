import { describe, expect, it } from 'vitest';
import { Redundancy } from '../../../shared/protocol/session/redundancy.ts';
import { SendStream } from '../../../shared/protocol/stream/send-stream.ts';
import type { Subflow } from '../../../shared/protocol/subflow/subflow.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { CountingChunk, patternBytes } from '../support.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const subflow = (id: number): Subflow => newSubflow({ id }, newUplink(`uplink${id}`, now), now);
const [one, two, three] = [subflow(1), subflow(2), subflow(3)];

/** A stream of 100 bytes, all of them sent on the first of its subflows. */
function sentOn(...carriers: Subflow[]) {
  const send = new SendStream(0, 1_000);
  send.write(new CountingChunk(patternBytes(0, 100)));
  send.end();
  const redundancy = new Redundancy();
  redundancy.sync(carriers, send);
  send.take(0, 100, true);
  redundancy.onSent(carriers[0]!, { dsn: 0, length: 100, fin: true });
  return { send, redundancy };
}

describe('what a redundant stream is to repeat', () => {
  it('is all that was sent, on each of the others, FIN included', () => {
    const { send, redundancy } = sentOn(one, two);
    expect(redundancy.missingOn(one, send)).toBeUndefined();
    expect(redundancy.missingOn(two, send)).toEqual({ dsn: 0, length: 100, fin: true });
    redundancy.onSent(two, { dsn: 0, length: 60, fin: false });
    expect(redundancy.missingOn(two, send)).toEqual({ dsn: 60, length: 40, fin: true });
    redundancy.onSent(two, { dsn: 60, length: 40, fin: true });
    expect(redundancy.isIncomplete(send)).toBe(false);
  });

  it('is not what has arrived', () => {
    const { send, redundancy } = sentOn(one, two);
    send.onReceipted(0, 30, false);
    send.onReceipted(50, 50, false);
    redundancy.sync([one, two], send);
    expect(redundancy.missingOn(two, send)).toMatchObject({ dsn: 30 });
    send.onReceipted(30, 20, false);
    expect(redundancy.missingOn(two, send)).toEqual({ dsn: 100, length: 0, fin: true });
    send.onReceipted(100, 0, true);
    expect(redundancy.isIncomplete(send)).toBe(false);
  });

  it('is everything for a subflow that comes later, or comes again', () => {
    const { send, redundancy } = sentOn(one, two);
    redundancy.sync([one, three], send);
    expect(redundancy.missingOn(three, send)).toMatchObject({ dsn: 0, length: 100 });
    expect(redundancy.missingOn(two, send)).toBeUndefined();
    redundancy.sync([two, three], send);
    redundancy.sync([one, two, three], send);
    expect(redundancy.missingOn(one, send)).toMatchObject({ dsn: 0, length: 100 });
  });
});

describe('when a subflow is lost', () => {
  it('what others carry is not sent again', () => {
    const { send, redundancy } = sentOn(one, two, three);
    redundancy.onSent(two, { dsn: 0, length: 20, fin: false });
    redundancy.onSent(three, { dsn: 50, length: 50, fin: false });
    send.onLost(0, 100, false);
    redundancy.onLost(one, send, 0, 100);
    expect(send.next()).toMatchObject({ dsn: 20, length: 30, isNew: false });
    expect(redundancy.missingOn(one, send)).toBeUndefined();
  });

  it('all of it is, once the others are lost as well', () => {
    const { send, redundancy } = sentOn(one, two);
    redundancy.onSent(two, { dsn: 0, length: 100, fin: false });
    for (const lost of [one, two]) {
      send.onLost(0, 100, false);
      redundancy.onLost(lost, send, 0, 100);
    }
    expect(send.next()).toMatchObject({ dsn: 0, length: 100 });
  });
});
