import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Redundancy } from '../../../shared/protocol/scheduler/redundancy.ts';
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
  const send = new SendStream(0, 1_000, { memory: new MemoryBudget(0), backlog: { bytes: 0 } });
  send.write(new CountingChunk(patternBytes(0, 100)));
  send.end();
  const redundancy = new Redundancy(send);
  redundancy.onCarriers(carriers);
  send.take(0, 100, true);
  redundancy.onSent(carriers[0]!, { dsn: 0, length: 100, fin: true });
  /** What the subflow, free as it is, is to be given next. */
  const missingOn = (subflow: Subflow) => redundancy.next([subflow])?.segment;
  return { send, redundancy, missingOn };
}

describe('what a redundant stream is to repeat', () => {
  it('is all that was sent, on each of the others, FIN included', () => {
    const { redundancy, missingOn } = sentOn(one, two);
    expect(missingOn(one)).toBeUndefined();
    expect(missingOn(two)).toEqual({ dsn: 0, length: 100, fin: true });
    redundancy.onSent(two, { dsn: 0, length: 60, fin: false });
    expect(missingOn(two)).toEqual({ dsn: 60, length: 40, fin: true });
    redundancy.onSent(two, { dsn: 60, length: 40, fin: true });
    expect(redundancy.isPending).toBe(false);
  });

  it('is not what has arrived', () => {
    const { send, redundancy, missingOn } = sentOn(one, two);
    send.onReceipted(0, 30, false);
    send.onReceipted(50, 50, false);
    redundancy.onCarriers([one, two]);
    expect(missingOn(two)).toMatchObject({ dsn: 30 });
    send.onReceipted(30, 20, false);
    expect(missingOn(two)).toEqual({ dsn: 100, length: 0, fin: true });
    send.onReceipted(100, 0, true);
    expect(redundancy.isPending).toBe(false);
  });

  it('is everything for a subflow that comes later', () => {
    const { redundancy, missingOn } = sentOn(one, two);
    redundancy.onCarriers([one, three]);
    expect(missingOn(three)).toMatchObject({ dsn: 0, length: 100 });
    expect(missingOn(two)).toBeUndefined();
  });

  it('is nothing for one that only paused, and everything for one that lost it', () => {
    const { redundancy, missingOn } = sentOn(one, two);
    redundancy.onCarriers([two]);
    redundancy.onCarriers([one, two]);
    expect(missingOn(one)).toBeUndefined();
    redundancy.onCarriers([two]);
    redundancy.onLost(one, 0, 100);
    redundancy.onCarriers([one, two]);
    expect(missingOn(one)).toMatchObject({ dsn: 0, length: 100 });
  });

  it('is not awaited from one that pauses', () => {
    const { redundancy } = sentOn(one, two);
    expect(redundancy.isPending).toBe(true);
    redundancy.onCarriers([one]);
    expect(redundancy.isPending).toBe(false);
  });
});

describe('when a subflow is lost', () => {
  it('what others carry is not sent again', () => {
    const { send, redundancy, missingOn } = sentOn(one, two, three);
    redundancy.onSent(two, { dsn: 0, length: 20, fin: false });
    redundancy.onSent(three, { dsn: 50, length: 50, fin: false });
    send.onLost(0, 100, false);
    redundancy.onLost(one, 0, 100);
    expect(send.next()).toMatchObject({ dsn: 20, length: 30, isNew: false });
    expect(missingOn(one)).toBeUndefined();
  });

  it('all of it is, once the others are lost as well', () => {
    const { send, redundancy } = sentOn(one, two);
    redundancy.onSent(two, { dsn: 0, length: 100, fin: false });
    for (const lost of [one, two]) {
      send.onLost(0, 100, false);
      redundancy.onLost(lost, 0, 100);
    }
    expect(send.next()).toMatchObject({ dsn: 0, length: 100 });
  });
});
