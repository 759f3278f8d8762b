import { describe, expect, it } from 'vitest';
import {
  MAX_HELD,
  ORDER_HOLD_TUNING,
  OrderHold,
} from '../../../shared/protocol/datagram/receive/order-hold.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { TestClock } from '../test-clock.ts';

const { firstMs, mostMs } = ORDER_HOLD_TUNING;

class Bed {
  readonly clock = new TestClock();
  readonly memory: MemoryBudget;
  readonly handedOn: number[] = [];
  readonly hold: OrderHold;

  constructor(memoryBytes = 10 * 1024 * 1024) {
    this.memory = new MemoryBudget(memoryBytes);
    const context = { now: this.clock, memory: this.memory, tuning: ORDER_HOLD_TUNING };
    this.hold = new OrderHold(0, context, ([high = 0, low = 0]) => this.handedOn.push(high * 256 + low));
  }

  add(sequence: number, isSpread = true): void {
    this.hold.add(sequence, Uint8Array.of(sequence >> 8, sequence), isSpread);
  }

  /** To the next deadline. */
  wait(): void {
    this.clock.ms = this.hold.deadlineMs;
    this.hold.expire();
  }
}

describe('OrderHold', () => {
  it.each([
    ['what comes in order at once', [0, 1, 2], [0, 1, 2]],
    ['two that have changed places', [0, 2, 1, 3], [0, 1, 2, 3]],
    ['several gaps that are filled late', [0, 2, 4, 6, 5, 3, 1], [0, 1, 2, 3, 4, 5, 6]],
  ])('hands on %s', (_, order, expected) => {
    const bed = new Bed();
    for (const sequence of order) bed.add(sequence);
    expect(bed.handedOn).toEqual(expected);
    expect([bed.hold.deadlineMs, bed.memory.usedBytes]).toEqual([Number.POSITIVE_INFINITY, 0]);
  });

  it('waits for what is lost only as long as the paths may differ', () => {
    const bed = new Bed();
    for (const sequence of [0, 2, 3, 5]) bed.add(sequence);
    expect([bed.handedOn, bed.hold.deadlineMs]).toEqual([[0], firstMs]);
    bed.wait();
    expect(bed.handedOn).toEqual([0, 2, 3, 5]);
  });

  it('learns how late the slower path is, and forgets it', () => {
    const bed = new Bed();
    let sequence = 1;
    const pairs = (count: number, lateMs: number) => {
      for (let i = 0; i < count; i++) {
        bed.add(sequence);
        bed.clock.ms += lateMs;
        bed.hold.expire();
        bed.add(sequence - 1);
        sequence += 2;
      }
    };
    pairs(40, 30);
    bed.handedOn.length = 0;
    pairs(20, 30);
    expect(bed.handedOn).toEqual([...bed.handedOn].sort((a, b) => a - b));
    pairs(4_000, 2);
    bed.add(sequence);
    expect(bed.hold.deadlineMs - bed.clock.ms).toBeLessThan(10);
  });

  it('never holds back for longer than 50 ms', () => {
    const bed = new Bed();
    for (let sequence = 1; sequence < 200; sequence += 2) {
      bed.add(sequence);
      expect(bed.hold.deadlineMs - bed.clock.ms).toBeLessThanOrEqual(mostMs);
      bed.wait();
      bed.clock.ms += 500;
      bed.add(sequence - 1);
    }
  });

  it.each([
    ['more than it may hold', 10 * 1024 * 1024, MAX_HELD + 10],
    ['no memory', 1_000, 10],
  ])('hands on what waits when there is %s', (_, memoryBytes, count) => {
    const bed = new Bed(memoryBytes);
    for (let sequence = 1; sequence <= count; sequence++) bed.add(sequence);
    expect(bed.handedOn.length).toBeGreaterThanOrEqual(count - MAX_HELD);
    expect(bed.handedOn).toEqual([...bed.handedOn].sort((a, b) => a - b));
    bed.wait();
    expect(bed.handedOn).toHaveLength(count);
    expect(bed.memory.usedBytes).toBe(0);
  });

  it('does not mind a sequence that is far ahead', () => {
    const bed = new Bed();
    bed.add(3);
    bed.add(2 ** 23);
    bed.wait();
    expect(bed.handedOn[0]).toBe(3);
    expect(bed.handedOn).toHaveLength(2);
  });

  it('lets what is not spread pass, and all that waits for less', () => {
    const bed = new Bed();
    for (const sequence of [0, 2, 4]) bed.add(sequence);
    bed.add(6, false);
    expect(bed.handedOn).toEqual([0, 2, 4, 6]);
  });

  it('gives the memory back at the end', () => {
    const bed = new Bed();
    for (const sequence of [1, 2, 3]) bed.add(sequence);
    bed.hold.close();
    expect([bed.memory.usedBytes, bed.hold.deadlineMs]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
});
