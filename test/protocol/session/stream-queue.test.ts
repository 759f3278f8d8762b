import { describe, expect, it } from 'vitest';
import { StreamQueue } from '../../../shared/protocol/session/stream-queue.ts';
import { SendStream } from '../../../shared/protocol/stream/send-stream.ts';
import { NEW_STREAM_BYTES, QUANTUM_BYTES } from '../../../shared/protocol/tunables.ts';
import { CountingChunk } from '../support.ts';

const NOBODY: ReadonlySet<SendStream> = new Set();

/** A stream that has sent `sentBytes` already and has plenty more. */
function stream(id: number, sentBytes = 0): SendStream {
  const send = new SendStream(id, Number.MAX_SAFE_INTEGER);
  send.write(new CountingChunk(new Uint8Array(8 * 1024 * 1024)));
  if (sentBytes > 0) send.take(0, sentBytes, false);
  return send;
}

/** Sends segments in the queue's order; how many bytes each stream sent. */
function serve(
  queue: StreamQueue,
  turns: number,
  segmentBytes: (stream: SendStream) => number,
): Map<number, number> {
  const sent = new Map<number, number>();
  for (let i = 0; i < turns; i++) {
    const next = queue.next(NOBODY)!;
    const bytes = segmentBytes(next);
    next.take(next.sentBytes, bytes, false);
    queue.charge(next, bytes);
    sent.set(next.id, (sent.get(next.id) ?? 0) + bytes);
  }
  return sent;
}

describe('StreamQueue', () => {
  it('shares evenly among streams, whatever the size of their segments', () => {
    const queue = new StreamQueue();
    for (let id = 0; id < 4; id++) queue.add(stream(id, NEW_STREAM_BYTES));
    const sizes = [700, 4_000, 16_000, 65_000];
    const sent = [...serve(queue, 3_000, ({ id }) => sizes[id]!).values()];
    expect(sent).toHaveLength(4);
    expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(2 * 65_000 + QUANTUM_BYTES);
    expect(Math.min(...sent)).toBeGreaterThan(500_000);
  });

  it('serves new streams before the others, until they have sent a little', () => {
    const queue = new StreamQueue();
    const old = stream(0, NEW_STREAM_BYTES);
    queue.add(old);
    expect(queue.next(NOBODY)).toBe(old);
    queue.add(stream(1));
    queue.add(stream(2));
    const order: number[] = [];
    const firstTurns = (2 * NEW_STREAM_BYTES) / 8_192;
    for (let i = 0; i < firstTurns; i++) order.push([...serve(queue, 1, () => 8_192).keys()][0]!);
    expect(new Set(order)).toEqual(new Set([1, 2]));
    const later = serve(queue, 300, () => 8_192);
    expect([...later.keys()].sort()).toEqual([0, 1, 2]);
  });

  it('passes over those that wait for a better subflow', () => {
    const queue = new StreamQueue();
    const [a, b, fresh] = [stream(0, NEW_STREAM_BYTES), stream(1, NEW_STREAM_BYTES), stream(2)];
    for (const one of [a, b, fresh]) queue.add(one);
    expect(queue.next(NOBODY)).toBe(fresh);
    expect(queue.next(new Set([fresh]))).toBe(a);
    expect(queue.next(new Set([fresh, a]))).toBe(b);
    expect(queue.next(new Set([fresh, a, b]))).toBeUndefined();
  });

  it('holds a stream once, and forgets it when it empties', () => {
    const queue = new StreamQueue();
    const one = stream(0);
    queue.add(one);
    queue.add(one);
    expect(queue.size).toBe(1);
    queue.charge(one, QUANTUM_BYTES);
    expect(queue.size).toBe(1);
    queue.remove(one);
    expect([queue.size, queue.next(NOBODY)]).toEqual([0, undefined]);
  });

  it('does not shut a stream out for long after one very large segment', () => {
    const queue = new StreamQueue();
    const [greedy, other] = [stream(0, NEW_STREAM_BYTES), stream(1, NEW_STREAM_BYTES)];
    queue.add(greedy);
    queue.add(other);
    queue.charge(greedy, 10_000_000);
    let otherBytes = 0;
    while (queue.next(NOBODY) === other) {
      queue.charge(other, QUANTUM_BYTES);
      otherBytes += QUANTUM_BYTES;
    }
    expect(otherBytes).toBeLessThanOrEqual(5 * QUANTUM_BYTES);
  });
});
