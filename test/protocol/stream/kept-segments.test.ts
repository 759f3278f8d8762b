import { describe, expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MAX_REORDER_ENTRIES, ReorderBuffer } from '../../../shared/protocol/stream/reorder-buffer.ts';
import { patternByte, patternBytes } from '../support.ts';

/** What `work` moves in arrays, in entries, and copies in memory, in bytes. */
function movedBy(work: () => void): { entries: number; bytes: number } {
  const moved = { entries: 0, bytes: 0 };
  const { splice, shift } = Array.prototype;
  const { set } = Uint8Array.prototype;
  const replace = (prototype: object, name: string, value: unknown) =>
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  replace(Array.prototype, 'splice', function (this: unknown[], ...args: Parameters<typeof splice>) {
    moved.entries += this.length - args[0];
    return splice.apply(this, args);
  });
  replace(Array.prototype, 'shift', function (this: unknown[]) {
    moved.entries += this.length;
    return shift.apply(this);
  });
  replace(Uint8Array.prototype, 'set', function (this: Uint8Array, from: ArrayLike<number>, at?: number) {
    moved.bytes += from.length;
    set.call(this, from, at);
  });
  try {
    work();
  } finally {
    replace(Array.prototype, 'splice', splice);
    replace(Array.prototype, 'shift', shift);
    Reflect.deleteProperty(Uint8Array.prototype, 'set');
  }
  return moved;
}

const evenly = (count: number) => Array.from({ length: count }, (_, i) => 2 + 2 * i);
const COUNT = MAX_REORDER_ENTRIES - 1;

const orders = [
  { what: 'ascending', dsns: evenly(COUNT) },
  { what: 'descending', dsns: evenly(COUNT).reverse() },
  {
    what: 'from both ends in turn',
    dsns: evenly(COUNT).map((dsn, i) => (i % 2 ? dsn : 2 * COUNT + 2 - dsn)),
  },
  { what: 'in a scattered order', dsns: evenly(COUNT).map((_, i) => 2 + 2 * ((i * 4_099) % COUNT)) },
];

describe('bytes with a hole before each', () => {
  it.each(orders)('cost little to keep, $what', ({ dsns }) => {
    const buffer = new ReorderBuffer();
    const all = [...new Set(dsns)];
    const { entries } = movedBy(() => {
      for (const dsn of all)
        buffer.insert(dsn, Uint8Array.of(patternByte(dsn)), new OwnBytes(new Uint8Array(0)));
    });
    expect(buffer.entryCount).toBe(all.length);
    console.log(`entries moved for each byte: ${(entries / all.length).toFixed(1)}`);
    expect(entries / all.length).toBeLessThan(300);
    const rest = patternBytes(0, 2 * COUNT + 2);
    const out: number[] = [];
    for (let dsn = 0; dsn < rest.length; dsn++) {
      const byte = rest.subarray(dsn, dsn + 1);
      for (const { bytes } of buffer.insert(dsn, byte, new OwnBytes(byte))) out.push(...bytes);
    }
    expect(Buffer.from(out).equals(rest)).toBe(true);
  });
});

describe('bytes that melt into what lies beside them', () => {
  const bytes = 100_000;

  it.each([
    { what: 'behind it', dsnOf: (i: number) => 1 + i },
    { what: 'before it', dsnOf: (i: number) => bytes - i },
  ])('are copied a few times each, $what', ({ dsnOf }) => {
    const buffer = new ReorderBuffer();
    const moved = movedBy(() => {
      for (let i = 0; i < bytes; i++) {
        buffer.insert(dsnOf(i), Uint8Array.of(patternByte(dsnOf(i))), new OwnBytes(new Uint8Array(0)));
      }
    });
    console.log(`bytes copied for each byte: ${(moved.bytes / bytes).toFixed(1)}`);
    expect(moved.bytes).toBeLessThan(4 * bytes);
    const first = patternBytes(0, 1);
    const out = Buffer.concat(buffer.insert(0, first, new OwnBytes(first)).map((chunk) => chunk.bytes));
    expect(out.equals(patternBytes(0, bytes + 1))).toBe(true);
  });
});
