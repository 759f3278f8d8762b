import { describe, expect, it } from 'vitest';
import {
  INCOMPLETE_MS,
  MAX_DATAGRAM_BYTES,
  MAX_INCOMPLETE,
  MAX_INCOMPLETE_BYTES,
  Reassembly,
} from '../../../shared/protocol/datagram/receive/reassembly.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { TestClock } from '../test-clock.ts';

function make(memoryBytes = 100 * 1024 * 1024) {
  const clock = new TestClock();
  const memory = new MemoryBudget(memoryBytes);
  return { clock, memory, reassembly: new Reassembly(clock, memory) };
}

/** A part of one byte, its index, unless it is told to be longer. */
function part(index: number, count: number, { flowId = 1, sequence = 0, bytes = 1 } = {}) {
  return { flowId, sequence, index, count, payload: new Uint8Array(bytes).fill(index) };
}

describe('Reassembly', () => {
  it.each([
    ['in order', [0, 1, 2]],
    ['the other way round', [2, 1, 0]],
    ['with repeats', [1, 1, 0, 0, 2]],
  ])('joins parts that come %s', (_, order) => {
    const { reassembly, memory } = make();
    const results = order.map((index) => reassembly.add(part(index, 3)));
    expect(results.slice(0, -1).every((result) => result === undefined)).toBe(true);
    expect(results.at(-1)).toEqual(Uint8Array.of(0, 1, 2));
    expect([memory.usedBytes, reassembly.deadlineMs]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it('keeps datagrams apart, and copies that were cut in another way', () => {
    const { reassembly } = make();
    reassembly.add(part(0, 2));
    expect(reassembly.add(part(1, 2, { sequence: 1 }))).toBeUndefined();
    expect(reassembly.add(part(1, 2, { flowId: 2 }))).toBeUndefined();
    expect(reassembly.add(part(1, 3))).toBeUndefined();
    expect(reassembly.add(part(1, 2))).toEqual(Uint8Array.of(0, 1));
  });

  it('gives up what has waited for a second', () => {
    const { clock, reassembly, memory } = make();
    reassembly.add(part(0, 2));
    clock.ms = INCOMPLETE_MS - 1;
    reassembly.expire();
    expect(reassembly.givenUp).toBe(0);
    clock.ms = reassembly.deadlineMs;
    reassembly.expire();
    expect([reassembly.givenUp, memory.usedBytes]).toEqual([1, 0]);
    expect(reassembly.add(part(1, 2))).toBeUndefined();
  });

  it('gives up the oldest of too many', () => {
    const { reassembly } = make();
    for (let sequence = 0; sequence <= MAX_INCOMPLETE; sequence++) reassembly.add(part(0, 2, { sequence }));
    expect(reassembly.givenUp).toBe(1);
    expect(reassembly.add(part(1, 2, { sequence: 1 }))).toHaveLength(2);
    expect(reassembly.add(part(1, 2, { sequence: 0 }))).toBeUndefined();
  });

  it.each([
    ['of the session', 100 * 1024 * 1024, MAX_INCOMPLETE_BYTES],
    ['that the process has', 64 * 1024, 64 * 1024],
  ])('takes no more memory than the bound %s, whatever comes', (_, memoryBytes, most) => {
    const { reassembly, memory } = make(memoryBytes);
    for (let i = 0; i < 5_000; i++) {
      reassembly.add(part(i % 63, 64, { sequence: i >> 5, bytes: 1_500 }));
      expect(memory.usedBytes).toBeLessThanOrEqual(most);
    }
    reassembly.forget();
    expect(memory.usedBytes).toBe(0);
  });

  it('gives up what would be longer than any datagram', () => {
    const { reassembly, memory } = make();
    const bytes = MAX_DATAGRAM_BYTES / 2 + 1;
    reassembly.add(part(0, 3, { bytes }));
    expect(reassembly.add(part(1, 3, { bytes }))).toBeUndefined();
    expect([reassembly.givenUp, memory.usedBytes]).toEqual([1, 0]);
  });

  it('forgets the datagrams of a flow that is over', () => {
    const { reassembly } = make();
    reassembly.add(part(0, 2));
    reassembly.add(part(0, 2, { flowId: 2 }));
    reassembly.forget(1);
    expect(reassembly.add(part(1, 2))).toBeUndefined();
    expect(reassembly.add(part(1, 2, { flowId: 2 }))).toHaveLength(2);
  });
});
