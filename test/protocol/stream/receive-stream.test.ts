import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { PIECE_BYTES, STEP_BYTES } from '../../../shared/protocol/memory/footprint.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { ReceiveStream } from '../../../shared/protocol/stream/receive-stream.ts';
import { WINDOW_TUNING } from '../../../shared/protocol/stream/receive-window.ts';
import { malformed, patternByte, patternBytes, thrownBy } from '../support.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

const ROOMY = 1024 * 1024 * 1024;

function newStream(): { stream: ReceiveStream; budget: MemoryBudget } {
  const budget = new MemoryBudget(ROOMY);
  return { stream: new ReceiveStream(4, budget, now, WINDOW_TUNING), budget };
}

function receive(stream: ReceiveStream, dsn: number, bytes: Uint8Array, fin: boolean): Uint8Array[] {
  return stream.receive(dsn, bytes, fin, new OwnBytes(bytes)).map((chunk) => chunk.bytes);
}

describe('violations', () => {
  it('DATA past the window, but not up to it', () => {
    const { stream } = newStream();
    const limit = stream.window.limitDsn;
    receive(stream, limit - 1, Uint8Array.of(1), false);
    expect(thrownBy(() => receive(stream, limit, Uint8Array.of(1), false))).toEqual({
      code: 'flowControlViolation',
      name: 'ProtocolViolation',
    });
  });

  it('a FIN alone past the window', () => {
    const { stream } = newStream();
    receive(stream, stream.window.limitDsn, new Uint8Array(0), true);
    expect(stream.state).toBe('ending');
    const { stream: other } = newStream();
    expect(thrownBy(() => receive(other, other.window.limitDsn + 1, new Uint8Array(0), true))).toMatchObject({
      code: 'flowControlViolation',
    });
  });

  it('DATA past a FIN', () => {
    const { stream } = newStream();
    receive(stream, 0, patternBytes(0, 10), true);
    expect(receive(stream, 5, patternBytes(5, 5), false)).toEqual([]);
    expect(thrownBy(() => receive(stream, 5, patternBytes(5, 6), false))).toEqual(malformed);
    const { stream: waiting } = newStream();
    receive(waiting, 5, patternBytes(5, 5), true);
    expect(thrownBy(() => receive(waiting, 8, patternBytes(8, 3), false))).toEqual(malformed);
  });

  it('a FIN below bytes that have come', () => {
    const { stream } = newStream();
    receive(stream, 5, patternBytes(5, 5), false);
    expect(thrownBy(() => receive(stream, 0, patternBytes(0, 9), true))).toEqual(malformed);
  });

  it('two FINs that differ', () => {
    const { stream } = newStream();
    receive(stream, 9, patternBytes(9, 1), true);
    expect(thrownBy(() => receive(stream, 8, new Uint8Array(0), true))).toEqual(malformed);
    const { stream: other } = newStream();
    receive(other, 9, new Uint8Array(0), true);
    expect(thrownBy(() => receive(other, 10, new Uint8Array(0), true))).toEqual(malformed);
  });
});

describe('the end', () => {
  it('is told once, when all bytes are there; the half is done when they are consumed', () => {
    const { stream, budget } = newStream();
    receive(stream, 4, patternBytes(4, 6), true);
    expect([stream.state, stream.takeEnd()]).toEqual(['ending', false]);
    receive(stream, 0, patternBytes(0, 4), false);
    expect([stream.takeEnd(), stream.takeEnd(), stream.state]).toEqual([true, false, 'ending']);
    at(1, stream).consume(9, 10);
    expect(stream.takeMemory()).toBe(true);
    expect([stream.state, budget.usedBytes]).toEqual(['ending', STEP_BYTES]);
    at(1, stream).consume(1, 10);
    expect([stream.state, budget.usedBytes]).toEqual(['done', 0]);
  });

  it('comes at once for an empty stream', () => {
    const { stream, budget } = newStream();
    receive(stream, 0, new Uint8Array(0), true);
    expect([stream.takeEnd(), stream.state, budget.usedBytes]).toEqual([true, 'done', 0]);
  });

  it('leaves repeats without effect, whatever they carry', () => {
    const { stream } = newStream();
    receive(stream, 0, patternBytes(0, 3), true);
    stream.takeEnd();
    at(0, stream).consume(3, 1);
    expect(receive(stream, 0, patternBytes(0, 3), true)).toEqual([]);
    expect(receive(stream, 100, patternBytes(100, 3), true)).toEqual([]);
    expect(stream.takeEnd()).toBe(false);
  });

  it('by reset gives the memory back once', () => {
    const { stream, budget } = newStream();
    receive(stream, 10, patternBytes(10, 10), false);
    stream.takeMemory();
    expect(budget.usedBytes).toBe(STEP_BYTES);
    stream.reset();
    stream.reset();
    expect([stream.state, budget.usedBytes]).toEqual(['done', 0]);
    expect(at(0, stream).consume(5, 1)).toBe(false);
  });

  it('asks for no WINDOW behind a FIN', () => {
    const { stream } = newStream();
    receive(stream, 0, patternBytes(0, 60_000), true);
    expect(at(1, stream).consume(50_000, 10)).toBe(false);
    const { stream: open } = newStream();
    receive(open, 0, patternBytes(0, 60_000), false);
    expect(at(1, open).consume(50_000, 10)).toBe(true);
  });
});

describe('memory', () => {
  it('is taken for what waits for a hole, by the piece, until it is consumed', () => {
    const { stream, budget } = newStream();
    const pieces = 1_000;
    for (let i = 1; i <= pieces; i++) {
      receive(stream, i * 2, patternBytes(i * 2, 1), false);
      expect(stream.takeMemory()).toBe(true);
    }
    const costBytes = pieces * (1 + PIECE_BYTES);
    expect(budget.usedBytes).toBe(Math.ceil(costBytes / STEP_BYTES) * STEP_BYTES);
    receive(stream, 0, patternBytes(0, 2 * pieces + 1), false);
    stream.takeMemory();
    expect(budget.usedBytes).toBe(STEP_BYTES);
    at(1, stream).consume(2 * pieces + 1, 10);
    expect(budget.usedBytes).toBe(0);
  });

  it('is refused when there is none', () => {
    const budget = new MemoryBudget(2 * STEP_BYTES);
    const stream = new ReceiveStream(4, budget, now, WINDOW_TUNING);
    let pieces = 0;
    do {
      pieces++;
      receive(stream, pieces * 2, patternBytes(pieces * 2, 1), false);
    } while (stream.takeMemory());
    expect(pieces).toBe(Math.floor((2 * STEP_BYTES) / (1 + PIECE_BYTES)) + 1);
    expect(budget.usedBytes).toBe(2 * STEP_BYTES);
  });
});

it('hands on every byte once and in order and then the end, whatever the order of pieces and repeats', () => {
  const piece = fc.record({ start: fc.nat(400), length: fc.nat(120), fin: fc.boolean() });
  fc.assert(
    fc.property(fc.nat(400), fc.array(piece, { maxLength: 40 }), (total, pieces) => {
      const { stream } = newStream();
      const out: number[] = [];
      let ends = 0;
      const take = (start: number, end: number) => {
        // A sender puts FIN on whatever reaches the end.
        for (const bytes of receive(stream, start, patternBytes(start, end - start), end === total))
          out.push(...bytes);
        if (stream.takeEnd()) ends++;
      };
      for (const { start, length } of pieces) {
        const from = Math.min(start, total);
        take(from, Math.min(from + length, total));
      }
      take(0, total);
      expect(out.length).toBe(total);
      expect(out.every((byte, dsn) => byte === patternByte(dsn))).toBe(true);
      expect(ends).toBe(1);
    }),
    { numRuns: 500 },
  );
});
