import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { SendStream } from '../../../shared/protocol/stream/send-stream.ts';
import { CountingChunk, type Parsed, parseAll, patternBytes, thrownBy, toHex } from '../support.ts';

function streamWith(
  length: number,
  limit = 1_000_000,
  headroom = 0,
): { stream: SendStream; chunk: CountingChunk } {
  const stream = new SendStream(9, limit, { memory: new MemoryBudget(0), backlog: { bytes: 0 } });
  const chunk = new CountingChunk(patternBytes(0, length), headroom);
  stream.write(chunk);
  return { stream, chunk };
}

const asBytes = (frame: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(frame));
const data = (dsn: number, length: number, fin: boolean): Parsed[] => [
  { kind: 'data', streamId: 9, dsn, payload: toHex(patternBytes(dsn, length)), fin },
];

describe('what is next', () => {
  it('is new bytes as far as the limit goes, then nothing until it is raised', () => {
    const { stream } = streamWith(100, 60);
    expect(stream.next()).toEqual({ dsn: 0, length: 60, fin: false, isNew: true });
    stream.take(0, 60, false);
    expect(stream.next()).toBeUndefined();
    expect(stream.isWindowBlocked).toBe(true);
    stream.raiseLimit(70);
    stream.raiseLimit(65);
    expect(stream.next()).toEqual({ dsn: 60, length: 10, fin: false, isNew: true });
    expect(stream.isWindowBlocked).toBe(false);
  });

  it('has FIN behind the last byte only, also when the limit ends there', () => {
    const { stream } = streamWith(100, 100);
    stream.end();
    expect(stream.next()).toEqual({ dsn: 0, length: 100, fin: true, isNew: true });
    stream.take(0, 40, false);
    expect(stream.next()).toEqual({ dsn: 40, length: 60, fin: true, isNew: true });
    stream.take(40, 60, true);
    expect(stream.next()).toBeUndefined();
  });

  it('is what lies in front of bytes that were sent ahead, then what lies behind them', () => {
    const { stream } = streamWith(100, 80);
    expect(stream.ahead(40, 10)).toEqual({ dsn: 40, length: 40, fin: false, isNew: true });
    stream.take(40, 10, false);
    expect(stream.backlogBytes).toBe(90);
    expect(stream.next()).toEqual({ dsn: 0, length: 40, fin: false, isNew: true });
    expect(stream.ahead(45, 10)).toEqual({ dsn: 50, length: 30, fin: false, isNew: true });
    stream.end();
    stream.take(0, 40, false);
    expect(stream.sentBytes).toBe(50);
    expect(stream.next()).toEqual({ dsn: 50, length: 30, fin: false, isNew: true });
    stream.raiseLimit(100);
    stream.take(90, 10, false);
    stream.take(50, 40, false);
    expect(stream.next()).toEqual({ dsn: 100, length: 0, fin: true, isNew: true });
    expect(stream.backlogBytes).toBe(0);
  });

  it('is sent ahead within what is there and what the limit allows, and lost bytes go first', () => {
    const { stream } = streamWith(100, 60);
    expect(stream.ahead(1_000, 10)).toEqual({ dsn: 50, length: 10, fin: false, isNew: true });
    expect(stream.ahead(1_000, 60)).toBeUndefined();
    stream.take(50, 10, false);
    expect(stream.onLost(50, 10, false)).toBe(10);
    expect(stream.next()).toEqual({ dsn: 50, length: 10, fin: false, isNew: false });
    stream.take(50, 10, false);
    expect(stream.next()).toEqual({ dsn: 0, length: 50, fin: false, isNew: true });
    stream.take(0, 50, false);
    expect(stream.sentBytes).toBe(60);
    expect(stream.isWindowBlocked).toBe(true);
  });

  it('is FIN alone when the application ends after its last byte has left, or never sent one', () => {
    const { stream } = streamWith(10, 10);
    stream.take(0, 10, false);
    stream.end();
    expect(stream.next()).toEqual({ dsn: 10, length: 0, fin: true, isNew: true });
    const empty = new SendStream(1, 0, { memory: new MemoryBudget(0), backlog: { bytes: 0 } });
    empty.end();
    expect(empty.next()).toEqual({ dsn: 0, length: 0, fin: true, isNew: true });
  });

  it('is lost bytes before new ones, lowest first, without what has arrived meanwhile', () => {
    const { stream } = streamWith(100);
    for (const dsn of [0, 10, 20, 30]) stream.take(dsn, 10, false);
    stream.onReceipted(10, 10, false);
    expect(stream.onLost(20, 10, false)).toBe(10);
    expect(stream.onLost(0, 20, false)).toBe(10);
    expect(stream.next()).toEqual({ dsn: 0, length: 10, fin: false, isNew: false });
    stream.onReceipted(0, 5, false);
    expect(stream.next()).toEqual({ dsn: 5, length: 5, fin: false, isNew: false });
    stream.take(5, 5, false);
    expect(stream.next()).toEqual({ dsn: 20, length: 10, fin: false, isNew: false });
    stream.take(20, 10, false);
    expect(stream.next()).toEqual({ dsn: 40, length: 60, fin: false, isNew: true });
  });

  it('is FIN again when it was lost, with the bytes that were lost with it or alone', () => {
    const { stream } = streamWith(20);
    stream.end();
    stream.take(0, 20, true);
    stream.onLost(0, 20, true);
    expect(stream.next()).toEqual({ dsn: 0, length: 20, fin: true, isNew: false });
    stream.onReceipted(0, 20, false);
    expect(stream.next()).toEqual({ dsn: 20, length: 0, fin: true, isNew: true });
    stream.onReceipted(20, 0, true);
    expect(stream.next()).toBeUndefined();
    expect(stream.state).toBe('done');
  });
});

describe('frames', () => {
  it('carry the bytes, whether the header is in front of them or apart', () => {
    for (const headroom of [0, 23, 24, 40]) {
      const { stream } = streamWith(50, 1_000, headroom);
      stream.end();
      const frame = stream.take(0, 50, true);
      expect(frame).toHaveLength(headroom >= 24 ? 1 : 2);
      expect(parseAll(asBytes(frame))).toEqual(data(0, 50, true));
    }
  });

  it('of a copy leave the first one as it is, however they are cut', () => {
    const { stream, chunk } = streamWith(50, 1_000, 24);
    const first = stream.take(0, 50, false);
    const before = toHex(asBytes(first));
    stream.end();
    stream.take(50, 0, true);
    expect(parseAll(asBytes(stream.copy(0, 50, true)))).toEqual(data(0, 50, true));
    stream.onLost(0, 50, false);
    expect(parseAll(asBytes(stream.take(0, 50, false)))).toEqual(data(0, 50, false));
    expect(toHex(asBytes(first))).toBe(before);
    expect(toHex(chunk.bytes)).toBe(toHex(patternBytes(0, 50)));
  });
});

describe('the end', () => {
  it('is reached when all bytes and FIN are receipted, in either order', () => {
    for (const finFirst of [true, false]) {
      const { stream, chunk } = streamWith(30);
      stream.end();
      stream.take(0, 30, false);
      stream.take(30, 0, true);
      if (finFirst) stream.onReceipted(30, 0, true);
      stream.onReceipted(0, 30, false);
      if (!finFirst) {
        expect(stream.state).toBe('ending');
        stream.onReceipted(30, 0, true);
      }
      expect([stream.state, chunk.releases]).toEqual(['done', 1]);
    }
  });

  it('by reset gives all memory back, sends no more, and bears late receipts and losses', () => {
    const { stream, chunk } = streamWith(30);
    stream.take(0, 10, false);
    stream.reset();
    expect([stream.state, chunk.releases, stream.next(), stream.backlogBytes]).toEqual([
      'done',
      1,
      undefined,
      0,
    ]);
    stream.onReceipted(0, 10, false);
    expect(stream.onLost(0, 10, false)).toBe(0);
    expect([chunk.releases, stream.next(), stream.isUndelivered(0, 30)]).toEqual([1, undefined, false]);
  });

  it('is an end: nothing is written after it, and it comes once', () => {
    const { stream } = streamWith(1);
    stream.end();
    const misuse = { code: 'internalError', name: 'MisuseError' };
    expect(thrownBy(() => stream.write(new CountingChunk(Uint8Array.of(1))))).toEqual(misuse);
    expect(thrownBy(() => stream.end())).toEqual(misuse);
  });
});

it('delivers everything once the losses stop, whatever was lost, copied and receipted', () => {
  const step = fc.record({
    outcome: fc.constantFrom('arrives', 'lost', 'lost then arrives', 'arrives twice'),
    most: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
      fc.array(step),
      (sizes, steps) => {
        const stream = new SendStream(9, 0, { memory: new MemoryBudget(0), backlog: { bytes: 0 } });
        const chunks: CountingChunk[] = [];
        const received = new Set<number>();
        let length = 0;
        let ended = false;
        for (const size of sizes) {
          chunks.push(new CountingChunk(patternBytes(length, size)));
          stream.write(chunks.at(-1)!);
          length += size;
        }
        stream.end();
        for (let i = 0; stream.state !== 'done'; i++) {
          expect(i).toBeLessThan(2_000);
          stream.raiseLimit(i * 25);
          const { outcome, most } = steps[i] ?? { outcome: 'arrives', most: 20 };
          const next = stream.next();
          if (next === undefined) continue;
          const bytes = stream.frameBytes(next.dsn, Math.min(most, next.length));
          const fin = next.fin && bytes === next.length;
          expect(parseAll(asBytes(stream.take(next.dsn, bytes, fin)))).toEqual(data(next.dsn, bytes, fin));
          if (outcome.includes('arrives')) {
            for (let dsn = next.dsn; dsn < next.dsn + bytes; dsn++) received.add(dsn);
            ended ||= fin;
          }
          if (outcome.includes('lost')) stream.onLost(next.dsn, bytes, fin);
          if (outcome !== 'lost') stream.onReceipted(next.dsn, bytes, fin);
          if (outcome === 'arrives twice') stream.onReceipted(next.dsn, bytes, fin);
        }
        expect(received.size).toBe(length);
        expect(ended).toBe(true);
        expect(chunks.every((chunk) => chunk.releases === 1)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
