import { describe, expect, it } from 'vitest';
import type { Stream } from '../../../shared/protocol/stream/stream.ts';
import { MAX_STEPS, QUEUE_TUNING, StreamQueue } from '../../../shared/protocol/stream/stream-queue.ts';
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
    const next = first(queue)!;
    const bytes = segmentBytes(next);
    next.send.take(next.send.sentBytes, bytes, false);
    queue.charge(next, bytes);
    sent.set(next.id, (sent.get(next.id) ?? 0) + bytes);
  }
  return sent;
}

/** The stream whose turn it is when a turn begins. */
function first(queue: StreamQueue): Stream | undefined {
  queue.beginTurn(false);
  return queue.next(NOBODY);
}

/** The streams that get turns, in their order. */
function waiting(queue: StreamQueue): Stream[] {
  queue.beginTurn(false);
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
    expect(first(queue)).toBe(old);
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
    expect(first(queue)).toBe(fresh);
    expect(queue.next(new Set([fresh]))).toBe(a);
    expect(queue.next(new Set([fresh, a]))).toBe(b);
    expect(queue.next(new Set([fresh, a, b]))).toBeUndefined();
  });

  it('gives all their look in several turns, where one turn may not cost so much', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const count = 2 * MAX_STEPS + 10;
    for (let id = 0; id < count; id++) queue.fill(newStream({ id }));
    const skipped = new Set<Stream>();
    const turns = [false, true, true].map((goesOn) => {
      const before = skipped.size;
      queue.beginTurn(goesOn);
      for (let next = queue.next(skipped); next !== undefined; next = queue.next(skipped)) skipped.add(next);
      return [skipped.size - before, queue.isCutShort];
    });
    expect(turns).toEqual([
      [MAX_STEPS, true],
      [MAX_STEPS, true],
      [10, false],
    ]);
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
    expect(first(queue)).toBeUndefined();
  });

  it('does not shut a stream out for long after one very large segment', () => {
    const queue = new StreamQueue(new TestClock(), QUEUE_TUNING);
    const [greedy, other] = [stream(0, NEW_STREAM_BYTES), stream(1, NEW_STREAM_BYTES)];
    queue.fill(greedy);
    queue.fill(other);
    queue.charge(greedy, 10_000_000);
    let otherBytes = 0;
    while (first(queue) === other) {
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
    expect(first(queue)).toBe(a);
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
