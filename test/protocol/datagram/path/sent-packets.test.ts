import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SentPackets } from '../../../../shared/protocol/datagram/path/sent-packets.ts';

it('agrees with a list of all packets, whatever is confirmed and lost', () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant('send' as const),
      count: fc.integer({ min: 1, max: 200 }),
      wants: fc.boolean(),
    }),
    fc.record({ type: fc.constant('confirm' as const), from: fc.nat(300), length: fc.nat(100) }),
    fc.record({ type: fc.constant('settle' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 2 ** 40 }), (steps, first) => {
      const sent = new SentPackets(first);
      const all: { counter: number; sentMs: number; wants: boolean; state: 'open' | 'confirmed' | 'lost' }[] =
        [];
      let nowMs = 0;
      let oldest = first;
      for (const one of steps) {
        if (one.type === 'send') {
          for (let i = 0; i < one.count; i++) {
            const counter = sent.add(++nowMs, 100, one.wants);
            all.push({ counter, sentMs: nowMs, wants: one.wants, state: 'open' });
          }
        } else if (one.type === 'confirm') {
          const high = Math.max(first, sent.nextCounter - 1 - one.from);
          const told: number[] = [];
          sent.confirm(high - one.length, high, (counter) => told.push(counter));
          const expected = all.filter(
            ({ counter, state }) =>
              counter >= Math.max(oldest, high - one.length) && counter <= high && state === 'open',
          );
          expect(told).toEqual(expected.map(({ counter }) => counter));
          for (const packet of expected) packet.state = 'confirmed';
        } else {
          sent.settle(5, Number.NEGATIVE_INFINITY, () => {});
          oldest = sent.oldestCounter;
          for (const packet of all)
            if (packet.counter < oldest && packet.state === 'open') packet.state = 'lost';
        }
        const open = all.filter(({ state, wants }) => state === 'open' && wants);
        expect(sent.inFlightBytes).toBe(open.length * 100);
        const largest = Math.max(
          first - 1,
          ...all.filter(({ state }) => state === 'confirmed').map(({ counter }) => counter),
        );
        expect(sent.awaitedSinceMs).toBe(open.find(({ counter }) => counter > largest)?.sentMs);
      }
    }),
    { numRuns: 200 },
  );
});

it('keeps a bounded number, however little is confirmed', () => {
  const sent = new SentPackets(1);
  for (let i = 0; i < 20_000; i++) sent.add(i, 100, true);
  expect(sent.nextCounter - sent.oldestCounter).toBe(16 * 1024);
  expect(sent.inFlightBytes).toBe(16 * 1024 * 100);
});
