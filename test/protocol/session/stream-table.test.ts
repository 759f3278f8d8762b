import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamTable } from '../../../shared/protocol/session/stream-table.ts';
import { newStream, streamContext } from '../stream/streams.ts';
import { thrownBy } from '../support.ts';

const context = streamContext();
const stream = (id: number) => newStream({ id, phase: 'embryonic' }, context);
const tooMany = { code: 'resourceExceeded', name: 'ProtocolViolation' };

describe('StreamTable', () => {
  it('numbers the streams of its own end without a gap', () => {
    const table = new StreamTable(10);
    expect([table.allocate(), table.allocate(), table.allocate()]).toEqual([0, 1, 2]);
  });

  it('is full with maxStreams open', () => {
    const table = new StreamTable(2);
    table.add(stream(0));
    expect(table.isFull).toBe(false);
    table.add(stream(1));
    expect([table.isFull, table.size]).toEqual([true, 2]);
    table.delete(0);
    expect([table.isFull, table.get(0), table.get(1)?.id]).toEqual([false, undefined, 1]);
  });

  it('does not count what is settled, and names the oldest when there are more than maxStreams of them', () => {
    const table = new StreamTable(2);
    const settled = [stream(0), stream(1), stream(2)];
    for (const one of settled) {
      table.claim(one.id);
      table.add(one);
      table.settle(one);
    }
    expect([table.isFull, table.size, table.superfluous]).toEqual([false, 3, settled[0]]);
    expect([3, 4, 5, 6].map((id) => table.claim(id))).toEqual([true, true, true, true]);
    table.delete(0);
    expect([table.size, table.superfluous]).toEqual([2, undefined]);
  });

  it('tells expected, new and closed ids apart', () => {
    const table = new StreamTable(10);
    expect(table.claim(3)).toBe(true);
    expect([table.claim(1), table.claim(1)]).toEqual([true, false]);
    expect(table.claim(3)).toBe(false);
    expect([table.claim(0), table.claim(2), table.claim(4)]).toEqual([true, true, true]);
  });

  it('bears twice maxStreams ids that are open or expected, and no more', () => {
    expect(thrownBy(() => new StreamTable(10).claim(19))).toBeUndefined();
    expect(thrownBy(() => new StreamTable(10).claim(20))).toEqual(tooMany);
    expect(thrownBy(() => new StreamTable(10).claim(Number.MAX_SAFE_INTEGER))).toEqual(tooMany);
    const table = new StreamTable(10);
    for (let id = 0; id < 20; id++) {
      table.claim(id);
      table.add(stream(id));
    }
    expect(thrownBy(() => table.claim(20))).toEqual(tooMany);
    table.delete(7);
    expect(table.claim(20)).toBe(true);
  });

  it('claims each id once, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 80 }), (ids) => {
        const table = new StreamTable(50);
        const claimed = new Set<number>();
        for (const id of ids) {
          expect(table.claim(id)).toBe(!claimed.has(id));
          claimed.add(id);
        }
      }),
    );
  });
});
