import { expect, it } from 'vitest';
import { PacketSize } from '../../../../shared/protocol/datagram/path/packet-size.ts';
import { TestClock } from '../../test-clock.ts';

/** Plays a path that carries packets up to `most`, for some seconds. */
function found(most: number, refused = Number.POSITIVE_INFINITY): { bytes: number; probes: number } {
  const clock = new TestClock();
  const size = new PacketSize(clock);
  size.start();
  let probes = 0;
  for (; clock.ms < 5_000; clock.ms += 10) {
    for (const bytes of size.takeProbes()) {
      probes++;
      if (bytes >= refused) size.onTooLong(bytes);
      else if (bytes <= most) size.onArrived(bytes);
    }
  }
  return { bytes: size.bytes, probes };
}

it.each([
  ['Ethernet by IPv4', 1_472, 1_472, 10],
  ['Ethernet by IPv6', 1_452, 1_452, 12],
  ['PPPoE', 1_464, 1_452, 12],
  ['WireGuard', 1_392, 1_392, 18],
  ['the least that is taken for granted', 1_200, 1_200, 26],
  ['less than that', 1_100, 1_000, 28],
  ['hardly anything', 600, 508, 30],
])('finds how long packets may be: %s', (_name, most, bytes, probes) => {
  expect(found(most)).toEqual({ bytes, probes });
});

it('tries nothing that the interface refuses', () => {
  expect(found(1_472, 1_420).bytes).toBe(1_392);
});

it('takes the base for granted before anything was tried', () => {
  expect(new PacketSize(new TestClock()).bytes).toBe(1_200);
});

it('falls back when long packets are lost, and none arrives, and finds out again what passes', () => {
  const clock = new TestClock();
  const size = new PacketSize(clock);
  size.start();
  for (const bytes of size.takeProbes()) size.onArrived(bytes);
  for (let i = 0; i < 20; i++) {
    size.onLost(1_472);
    if (i % 5 === 4) size.onArrived(1_400);
  }
  expect(size.bytes).toBe(1_472);
  for (let i = 0; i < 6; i++) size.onLost(1_472);
  expect(size.bytes).toBe(1_200);
  expect(size.takeProbes()).toEqual([]);
  clock.ms += 500;
  expect(size.takeProbes()).toContain(1_472);
  size.onArrived(1_392);
  expect(size.bytes).toBe(1_392);
});

it('falls back further when packets of the base are lost, and no longer ones than the least arrive', () => {
  const clock = new TestClock();
  const size = new PacketSize(clock);
  size.start();
  for (const bytes of size.takeProbes().filter((tried) => tried <= 1_200)) size.onArrived(bytes);
  for (let i = 0; i < 6; i++) {
    size.onLost(1_100);
    size.onArrived(200);
    size.onLost(200);
  }
  expect(size.bytes).toBe(508);
  clock.ms += 500;
  expect(size.takeProbes()).toContain(1_000);
  size.onArrived(1_000);
  expect(size.bytes).toBe(1_000);
});

it.each([508, 600, 999, 1_100, 1_199])(
  'does not take a packet of %i bytes for the longest before others were tried',
  (bytes) => {
    const clock = new TestClock();
    const size = new PacketSize(clock);
    size.start();
    size.onArrived(bytes);
    expect(size.bytes).toBe(1_200);
    const probes = size.takeProbes();
    size.onArrived(bytes);
    expect(size.bytes).toBe(1_200);
    for (const tried of probes) size.onArrived(tried);
    expect(size.bytes).toBe(1_472);
  },
);

it('tries again after a while what the interface has refused', () => {
  const clock = new TestClock();
  const size = new PacketSize(clock);
  size.start();
  for (const bytes of size.takeProbes()) size.onArrived(bytes);
  size.onTooLong(1_472);
  expect(size.bytes).toBe(1_452);
  clock.ms += 1_000;
  expect(size.takeProbes()).toEqual([]);
  clock.ms = size.nextMs;
  expect(clock.ms).toBeLessThan(3_600_000);
  expect(size.takeProbes()).toEqual([1_472]);
  expect(size.bytes).toBe(1_452);
  size.onArrived(1_472);
  expect(size.bytes).toBe(1_472);
});
