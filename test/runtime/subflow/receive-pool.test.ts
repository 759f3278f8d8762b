import { describe, expect, it } from 'vitest';
import {
  RECORD_BYTES,
  ReceiveMemory,
  ReceivePool,
  releaseReceived,
  SLAB_BYTES,
} from '../../../shared/runtime/subflow/receive-pool.ts';
import { SlabReading } from './slab-reading.ts';

/** As Node does: asks for a buffer, fills it, says how much, asks for the next. */
class Reading {
  readonly memory: ReceiveMemory;
  #buffer: Uint8Array;

  constructor(pool = new ReceivePool(() => 0)) {
    this.memory = new ReceiveMemory(pool);
    this.#buffer = this.memory.next();
  }

  read(value: number, length: number): Uint8Array {
    this.#buffer.fill(value, 0, length);
    const bytes = this.memory.take(length);
    this.#buffer = this.memory.next();
    return bytes;
  }
}

function holds(bytes: Uint8Array, value: number): boolean {
  return bytes.every((byte) => byte === value);
}

describe('the memory that subflows are read into', () => {
  it('is not written to again before all of it was handed back', () => {
    const reading = new Reading();
    const held: { bytes: Uint8Array; value: number }[] = [];
    const seen = new Set<ArrayBufferLike>();
    let reused = 0;
    for (let i = 0; i < 4_000; i++) {
      const value = i % 251;
      const length = i % 7 === 0 ? 1 + (i % RECORD_BYTES) : RECORD_BYTES;
      const bytes = reading.read(value, length);
      if (bytes.byteOffset === 0 && seen.has(bytes.buffer)) reused++;
      seen.add(bytes.buffer);
      held.push({ bytes, value });
      while (held.length > 40) {
        const [old] = held.splice((i * 31) % held.length, 1);
        expect(holds(old!.bytes, old!.value)).toBe(true);
        // In two parts, as a frame's header and its payload come back at different times.
        releaseReceived(old!.bytes, 1);
        releaseReceived(old!.bytes, old!.bytes.length - 1);
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
    expect(first.every((bytes) => holds(bytes, 1))).toBe(true);
    expect(second.every((bytes) => holds(bytes, 2))).toBe(true);
  });

  it('is no slab for a quiet subflow', () => {
    const reading = new Reading();
    const pieces = [1, 2, 3, 4].map((value) => reading.read(value, 100));
    expect(pieces.map((bytes) => bytes.buffer.byteLength)).toEqual([100, 100, 100, 100]);
    expect(pieces.every((bytes, i) => holds(bytes, i + 1))).toBe(true);
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
        return reading.read(value, RECORD_BYTES).buffer;
      });
      expect(buffers.slice(2).map(({ byteLength }) => byteLength === SLAB_BYTES)).toEqual([isSlab, isSlab]);
      expect(looks).toBe(4);
    },
  );

  it('gives a full record a buffer that takes it whole', () => {
    const reading = new Reading();
    for (let i = 0; i < 2; i++) reading.read(0, RECORD_BYTES);
    for (let i = 0; i < 20; i++) {
      expect(reading.memory.next().length).toBeGreaterThanOrEqual(RECORD_BYTES);
      reading.read(0, 5_000);
      reading.read(0, RECORD_BYTES);
    }
  });

  it('is refused when it is handed back twice', () => {
    const reading = new SlabReading();
    const [first, second] = [reading.read(1, 100), reading.read(2, 100)];
    releaseReceived(first);
    releaseReceived(second, 60);
    expect(() => releaseReceived(second, 60)).toThrow(/twice/);
  });

  it('ignores memory that is not its own', () => {
    releaseReceived(new Uint8Array(SLAB_BYTES));
  });
});
