import { describe, expect, it } from 'vitest';
import type { DelayCounts } from '../../../shared/protocol/delay-counts.ts';
import {
  DelayRecord,
  STREAM_DELAY_BOUNDS_MS,
  StreamDelays,
} from '../../../shared/protocol/stream/stream-delays.ts';
import { TestClock } from '../test-clock.ts';

function bed() {
  const now = new TestClock();
  const record = new DelayRecord();
  const delays = new StreamDelays(now, record);
  const at = (ms: number) => {
    now.at(ms, undefined);
    return delays;
  };
  return { record, at };
}

/** How many were counted, and their sum. */
const told = ({ counts, sumMs }: DelayCounts) => [counts.reduce((sum, count) => sum + count, 0), sumMs];

describe('how long bytes wait', () => {
  it('to be sent: of one piece at a time, until all before it are with subflows', () => {
    const { record, at } = bed();
    at(0).onAccepted(1_000);
    at(5).onAccepted(2_000);
    at(7).onSent(999);
    expect(told(record.queueing)).toEqual([0, 0]);
    at(8).onSent(1_500);
    expect(told(record.queueing)).toEqual([1, 8]);
    // Nothing was marked meanwhile.
    at(20).onSent(2_000);
    at(30).onAccepted(3_000);
    at(30).onSent(3_000);
    expect(told(record.queueing)).toEqual([2, 8]);
  });

  it('for earlier ones: from the first behind a gap until the gap is filled', () => {
    const { record, at } = bed();
    at(0).onReceived(0, 100);
    at(10).onReceived(200, 100);
    at(15).onReceived(300, 100);
    // A part of the gap.
    at(20).onReceived(100, 150);
    expect(told(record.reorder)).toEqual([0, 0]);
    at(30).onReceived(150, 400);
    expect(told(record.reorder)).toEqual([1, 20]);
    at(40).onReceived(400, 500);
    expect(told(record.reorder)).toEqual([1, 20]);
  });

  it.each(['lost', 'copy'] as const)('to be delivered by what is sent again (%s)', (again) => {
    const { record, at } = bed();
    at(100).onAgain(1_000, 40);
    at(110).onAgain(2_000, 60);
    at(120).onReceipted({ dsn: 0, length: 1_000, fin: false }, again);
    at(130).onReceipted({ dsn: 2_000, length: 500, fin: false }, again);
    expect(told(record.reinjection[again])).toEqual([0, 0]);
    at(140).onReceipted({ dsn: 900, length: 200, fin: false }, again);
    expect(told(record.reinjection[again])).toEqual([1, 100]);
    // What was sent first comes later.
    at(150).onReceipted({ dsn: 900, length: 200, fin: false }, undefined);
    expect(told(record.reinjection[again])).toEqual([1, 100]);
  });

  it('is not counted for what arrives as it was sent first', () => {
    const { record, at } = bed();
    at(100).onAgain(1_000, 40);
    at(120).onReceipted({ dsn: 1_000, length: 100, fin: false }, undefined);
    at(140).onReceipted({ dsn: 1_000, length: 100, fin: false }, 'lost');
    expect(told(record.reinjection.lost)).toEqual([0, 0]);
  });

  it('is counted up to bounds, each of which is below it', () => {
    const { record } = bed();
    for (const ms of [0, 1, 1.001, 10_000, 10_001]) record.queueing.add(ms);
    const { counts } = record.queueing;
    expect(counts.length).toBe(STREAM_DELAY_BOUNDS_MS.length + 1);
    expect([counts[0], counts[1], counts.at(-2), counts.at(-1)]).toEqual([2, 1, 1, 1]);
  });
});
