import { describe, expect, it } from 'vitest';
import type { Stream } from '../../../shared/protocol/stream/stream.ts';
import { QUEUE_TUNING, StreamQueue } from '../../../shared/protocol/stream/stream-queue.ts';
import { CountingChunk, thrownBy } from '../support.ts';
import { TestClock } from '../test-clock.ts';
import { newStream, streamContext } from './streams.ts';

const { newStreamBytes: NEW_STREAM_BYTES, quantumBytes: QUANTUM_BYTES } = QUEUE_TUNING;

const NOBODY: ReadonlySet<Stream> = new Set();

/** A stream that has sent `sentBytes` already and has plenty more. */
function stream(id: number, sentBytes = 0): Stream {
  const one = newStream({ id });
  const { send } = one;
  send.write(new CountingChunk(new Uint8Array(8 * 1024 * 1024)));
  if (sentBytes > 0) send.take(0, sentBytes, false);
  return one;
}

/** Sends segments in the queue's order; how many bytes each stream sent. */
function serve(
  queue: StreamQueue,
  turns: number,
  segmentBytes: (stream: Stream) => number,
): Map<number, number> {
  const sent = new Map<number, number>();
  for (let i = 0; i < turns; i++) {
    const next = queue.next(NOBODY)!;
    const bytes = segmentBytes(next);
    next.send.take(next.send.sentBytes, bytes, false);
    queue.charge(next, bytes);
    sent.set(next.id, (sent.get(next.id) ?? 0) + bytes);
  }
  return sent;
}

/** The streams that get turns, in their order. */
function waiting(queue: StreamQueue): Stream[] {
  const found = new Set<Stream>();
  for (let next = queue.next(found); next !== undefined; next = queue.next(found)) found.add(next);
  return [...found];
}

describe('StreamQueue', () => {
  it('shares evenly among streams, whatever the size of their segments', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    for (let id = 0; id < 4; id++) queue.fill(stream(id, NEW_STREAM_BYTES));
    const sizes = [700, 4_000, 16_000, 65_000];
    const sent = [...serve(queue, 3_000, ({ id }) => sizes[id]!).values()];
    expect(sent).toHaveLength(4);
    expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(2 * 65_000 + QUANTUM_BYTES);
    expect(Math.min(...sent)).toBeGreaterThan(500_000);
  });

  it('serves new streams before the others, until they have sent a little', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const old = stream(0, NEW_STREAM_BYTES);
    queue.fill(old);
    expect(queue.next(NOBODY)).toBe(old);
    queue.fill(stream(1));
    queue.fill(stream(2));
    const order: number[] = [];
    const firstTurns = (2 * NEW_STREAM_BYTES) / 8_192;
    for (let i = 0; i < firstTurns; i++) order.push([...serve(queue, 1, () => 8_192).keys()][0]!);
    expect(new Set(order)).toEqual(new Set([1, 2]));
    const later = serve(queue, 300, () => 8_192);
    expect([...later.keys()].sort()).toEqual([0, 1, 2]);
  });

  it('passes over those that wait for a better subflow', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const [a, b, fresh] = [stream(0, NEW_STREAM_BYTES), stream(1, NEW_STREAM_BYTES), stream(2)];
    for (const one of [a, b, fresh]) queue.fill(one);
    expect(queue.next(NOBODY)).toBe(fresh);
    expect(queue.next(new Set([fresh]))).toBe(a);
    expect(queue.next(new Set([fresh, a]))).toBe(b);
    expect(queue.next(new Set([fresh, a, b]))).toBeUndefined();
  });

  it('holds a stream once, and forgets it when it empties', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const one = stream(0);
    queue.fill(one);
    queue.fill(one);
    expect(waiting(queue)).toEqual([one]);
    queue.charge(one, QUANTUM_BYTES);
    expect(waiting(queue)).toEqual([one]);
    queue.drain(one);
    expect(queue.next(NOBODY)).toBeUndefined();
  });

  it('does not shut a stream out for long after one very large segment', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const [greedy, other] = [stream(0, NEW_STREAM_BYTES), stream(1, NEW_STREAM_BYTES)];
    queue.fill(greedy);
    queue.fill(other);
    queue.charge(greedy, 10_000_000);
    let otherBytes = 0;
    while (queue.next(NOBODY) === other) {
      queue.charge(other, QUANTUM_BYTES);
      otherBytes += QUANTUM_BYTES;
    }
    expect(otherBytes).toBeLessThanOrEqual(5 * QUANTUM_BYTES);
  });
});

describe('streams that none of their uplinks can carry', () => {
  it('get no turn until they are relieved, and go to the end of the line then', () => {
    const now = new TestClock();
    const queue = new StreamQueue(now, QUEUE_TUNING);
    const [a, b] = [stream(0), stream(1)];
    queue.fill(a);
    queue.fill(b);
    now.ms = 70;
    queue.strand(a);
    expect([waiting(queue), [...queue.stranded]]).toEqual([[b], [a]]);
    queue.fill(a);
    expect([waiting(queue), a.place.state, a.place.strandedSinceMs]).toEqual([[b], 'stranded', 70]);
    queue.relieve(a);
    expect([waiting(queue), queue.stranded.size]).toEqual([[b, a], 0]);
    queue.charge(b, QUANTUM_BYTES);
    expect(queue.next(NOBODY)).toBe(a);
  });

  it('are forgotten when they have nothing to send any more', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const one = stream(0);
    queue.fill(one);
    queue.strand(one);
    queue.drain(one);
    expect([one.place.state, waiting(queue), queue.stranded.size]).toEqual(['idle', [], 0]);
    expect(thrownBy(() => queue.strand(one))).toEqual({ code: 'internalError', name: 'MisuseError' });
    queue.relieve(one);
    expect(one.place.state).toBe('idle');
  });
});

it('knows whether a stream with a choice of its own has something to send', () => {
  const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
  const one = newStream({ policy: { mode: 'redundant' } }, streamContext());
  queue.fill(stream(1));
  expect(queue.hasSteered).toBe(false);
  queue.fill(one);
  queue.fill(one);
  expect(queue.hasSteered).toBe(true);
  queue.strand(one);
  expect(queue.hasSteered).toBe(true);
  one.steering.steer({ mode: 'aggregate' });
  queue.fill(one);
  expect(queue.hasSteered).toBe(false);
  one.steering.steer({ mode: 'aggregate', only: ['dsl'] });
  queue.fill(one);
  queue.drain(one);
  expect(queue.hasSteered).toBe(false);
});
