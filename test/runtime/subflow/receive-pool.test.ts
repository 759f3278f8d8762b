import { describe, expect, it } from 'vitest';
import type { Chunk, ReceivedChunk } from '../../../shared/protocol/memory/chunk.ts';
import {
  RECORD_BYTES,
  ReceivePool,
  SLAB_BYTES,
  SubflowReader,
} from '../../../shared/runtime/subflow/receive-pool.ts';
import { SlabReading } from './slab-reading.ts';

/** As Node does: asks for a buffer, fills it, says how much, asks for the next. */
class Reading {
  readonly reader: SubflowReader;
  #buffer: Uint8Array;

  constructor(pool = new ReceivePool(() => 0)) {
    this.reader = new SubflowReader(pool);
    this.#buffer = this.reader.next();
  }

  read(value: number, length: number): ReceivedChunk {
    this.#buffer.fill(value, 0, length);
    const chunk = this.reader.take(length);
    this.#buffer = this.reader.next();
    return chunk;
  }
}

function holds({ bytes }: Chunk, value: number): boolean {
  return bytes.every((byte) => byte === value);
}

describe('the memory that subflows are read into', () => {
  it('is not written to again before all of it was handed back', () => {
    const reading = new Reading();
    const held: { chunk: Chunk; value: number }[] = [];
    const seen = new Set<ArrayBufferLike>();
    let reused = 0;
    for (let i = 0; i < 4_000; i++) {
      const value = i % 251;
      const length = i % 7 === 0 ? 1 + (i % RECORD_BYTES) : RECORD_BYTES;
      const chunk = reading.read(value, length);
      const { bytes } = chunk;
      if (bytes.byteOffset === 0 && seen.has(bytes.buffer)) reused++;
      seen.add(bytes.buffer);
      // Two parts outlive the whole, as the payloads of two streams do.
      held.push({ chunk: chunk.keep(bytes.subarray(0, 1)), value });
      held.push({ chunk: chunk.keep(bytes.subarray(1)), value });
      chunk.release();
      while (held.length > 80) {
        const [old] = held.splice((i * 31) % held.length, 1);
        expect(holds(old!.chunk, old!.value)).toBe(true);
        old!.chunk.release();
      }
    }
    expect(reused).toBeGreaterThan(500);
  });

  it('of two subflows never overlaps', () => {
    const pool = new ReceivePool(() => 0);
    const [one, other] = [new Reading(pool), new Reading(pool)];
    const first = [1, 2, 3].map(() => one.read(1, RECORD_BYTES));
    const second = [1, 2, 3].map(() => other.read(2, RECORD_BYTES));
    one.read(1, RECORD_BYTES);
    expect(first.every((chunk) => holds(chunk, 1))).toBe(true);
    expect(second.every((chunk) => holds(chunk, 2))).toBe(true);
  });

  it('is bounded: beyond that, what is read is copied, until slabs come back', () => {
    const pool = new ReceivePool(() => 0, 2 * SLAB_BYTES);
    const reading = new Reading(pool);
    const chunks = Array.from({ length: 40 }, (_, i) => reading.read(i, RECORD_BYTES));
    const slabs = new Set(chunks.map(({ bytes }) => bytes.buffer).filter((b) => b.byteLength === SLAB_BYTES));
    expect(slabs.size).toBe(2);
    expect(chunks.every((chunk, i) => holds(chunk, i))).toBe(true);
    for (const chunk of chunks) chunk.release();
    const later = Array.from({ length: 4 }, (_, i) => reading.read(i, RECORD_BYTES));
    expect(later.at(-1)!.bytes.buffer.byteLength).toBe(SLAB_BYTES);
  });

  it('is no slab for a quiet subflow', () => {
    const reading = new Reading();
    const chunks = [1, 2, 3, 4].map((value) => reading.read(value, 100));
    expect(chunks.map(({ bytes }) => bytes.buffer.byteLength)).toEqual([100, 100, 100, 100]);
    expect(chunks.every((chunk, i) => holds(chunk, i + 1))).toBe(true);
  });

  it.each([
    { gapMs: 6, isSlab: false },
    { gapMs: 4, isSlab: true },
  ])(
    'is a slab for full records $gapMs ms apart: $isSlab; the clock is read once for each',
    ({ gapMs, isSlab }) => {
      let nowMs = 1_000;
      let looks = 0;
      const clock = () => {
        looks++;
        return nowMs;
      };
      const reading = new Reading(new ReceivePool(clock));
      const buffers = [1, 2, 3, 4].map((value) => {
        nowMs += gapMs;
        return reading.read(value, RECORD_BYTES).bytes.buffer;
      });
      expect(buffers.slice(2).map(({ byteLength }) => byteLength === SLAB_BYTES)).toEqual([isSlab, isSlab]);
      expect(looks).toBe(4);
    },
  );

  it('gives a full record a buffer that takes it whole', () => {
    const reading = new Reading();
    for (let i = 0; i < 2; i++) reading.read(0, RECORD_BYTES);
    for (let i = 0; i < 20; i++) {
      expect(reading.reader.next().length).toBeGreaterThanOrEqual(RECORD_BYTES);
      reading.read(0, 5_000);
      reading.read(0, RECORD_BYTES);
    }
  });

  it('is refused when it is given back twice, or kept after that', () => {
    const reading = new SlabReading();
    const [first, second] = [reading.read(1, 100), reading.read(2, 100)];
    const part = second.keep(second.bytes.subarray(60));
    for (const chunk of [first, second, part]) {
      chunk.release();
      expect(() => chunk.release()).toThrow(/twice/);
    }
    expect(() => second.keep(second.bytes)).toThrow(/after its release/);
  });

  it('of one pool is not used by another', () => {
    const [one, other] = [new Reading(), new Reading()];
    const memoryOf = (reading: Reading) =>
      new Set(
        Array.from({ length: 50 }, () => {
          const chunk = reading.read(0, RECORD_BYTES);
          chunk.release();
          return chunk.bytes.buffer;
        }),
      );
    const [first, second] = [memoryOf(one), memoryOf(other)];
    expect([...first].some((memory) => second.has(memory))).toBe(false);
  });
});
