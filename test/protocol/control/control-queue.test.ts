import { describe, expect, it } from 'vitest';
import { controlItem } from '../../../shared/protocol/control/control-item.ts';
import { ControlQueue } from '../../../shared/protocol/control/control-queue.ts';
import { toHex } from '../support.ts';

const goaway = (code: number) => controlItem({ type: 'goaway', code });

describe('ControlQueue', () => {
  it('gives items back oldest first, with their bytes', () => {
    const queue = new ControlQueue();
    queue.push(goaway(0x84));
    queue.push(goaway(0x40));
    const taken = [queue.shift(), queue.shift(), queue.shift()];
    expect(taken.map((next) => next && toHex(next.bytes))).toEqual([
      '1b000000000000020084',
      '1b000000000000020040',
      undefined,
    ]);
    expect(queue.isEmpty).toBe(true);
  });

  it('holds an item once, takes it again after it left, and not once it is receipted', () => {
    const queue = new ControlQueue();
    const item = goaway(0x84);
    queue.push(item);
    queue.push(item);
    expect(queue.shift()?.item).toBe(item);
    expect(queue.shift()).toBeUndefined();
    queue.push(item);
    expect(queue.unsettled).toBe(1);
    queue.onReceipted(item);
    expect([queue.shift(), queue.unsettled]).toEqual([undefined, 0]);
    queue.push(item);
    expect(queue.isEmpty).toBe(true);
  });

  it('passes over what is out of date', () => {
    const queue = new ControlQueue();
    let isCurrent = true;
    queue.push(controlItem({ type: 'goaway', code: 1 }, 1, () => isCurrent));
    const last = goaway(0x84);
    queue.push(last);
    isCurrent = false;
    expect(queue.shift()?.item).toBe(last);
    expect(queue.unsettled).toBe(1);
  });

  it('gives back a long queue in order, in a time that grows with its length alone', () => {
    const queue = new ControlQueue();
    const items = Array.from({ length: 65_536 }, () => goaway(0x84));
    for (const item of items) queue.push(item);
    const before = process.cpuUsage();
    expect(items.findIndex((item) => queue.shift()?.item !== item)).toBe(-1);
    expect(queue.isEmpty).toBe(true);
    // 30 ms or so of a core; `Array.shift` takes seconds, in which a whole concentrator stands still.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(1_000);
  });
});
