import { expect, it } from 'vitest';
import { DeliveryProgress } from '../../../shared/runtime/kernel/tcp-info.ts';

it('counts acknowledgements of something new alone', () => {
  let nowMs = 1_000;
  const progress = new DeliveryProgress(() => nowMs);
  const ageMs = (atMs: number, packets: number, lastAckMs: number) => {
    nowMs = atMs;
    return progress.ageMs(packets, lastAckMs);
  };
  expect(ageMs(1_000, 10, 5)).toBe(5);
  // Another acknowledgement of the same, as each packet from the other end carries it.
  expect(ageMs(1_100, 10, 2)).toBe(105);
  expect(ageMs(1_200, 11, 4)).toBe(4);
  expect(ageMs(1_300, 11, 104)).toBe(104);
});
