import { expect, it } from 'vitest';
import { type OneOrTwoWay, TwoWayCongestion } from '../../../shared/runtime/subflow/two-way-congestion.ts';

interface Stretch {
  readonly forMs: number;
  /** Bytes per millisecond. */
  readonly sent: number;
  readonly received: number;
  readonly rttMs?: number;
  /** Share of packets that are sent again. */
  readonly lost?: number;
}

/** What the kernel is asked for in the stretches, one after the other. */
function chosen(...stretches: readonly Stretch[]): OneOrTwoWay[] {
  return played(stretches, true).asked;
}

function played(stretches: readonly Stretch[], obeys: boolean) {
  let nowMs = 0;
  const asked: OneOrTwoWay[] = [];
  const congestion = new TwoWayCongestion(
    () => nowMs,
    (name) => {
      asked.push(name);
      return obeys;
    },
  );
  let [bytesAcked, receivedBytes, sentPackets, totalRetransmittedPackets] = [0, 0, 0, 0];
  for (const { forMs, sent, received, rttMs = 100, lost = 0 } of stretches) {
    for (const endMs = nowMs + forMs; nowMs < endMs; ) {
      nowMs += 10;
      bytesAcked += 10 * sent;
      receivedBytes += 10 * received;
      sentPackets += (10 * sent) / 1_000;
      totalRetransmittedPackets += (lost * 10 * sent) / 1_000;
      const kernel = { bytesAcked, rttMs, minRttMs: 25, sentPackets, totalRetransmittedPackets };
      congestion.onMeasured(kernel, receivedBytes);
    }
  }
  return { asked, name: congestion.name };
}

const BOTH: Stretch = { forMs: 2_000, sent: 5_000, received: 1_500 };
const DOWN: Stretch = { forMs: 4_000, sent: 5_000, received: 40 };

it.each<{ what: string; stretches: Stretch[]; asked: OneOrTwoWay[] }>([
  { what: 'both ways', stretches: [BOTH], asked: ['cubic'] },
  {
    what: 'both ways, from the smaller end',
    stretches: [{ ...BOTH, sent: 400, received: 5_000 }],
    asked: ['cubic'],
  },
  { what: 'both ways for a moment', stretches: [{ ...BOTH, forMs: 300 }, DOWN], asked: [] },
  { what: 'both ways without a queue', stretches: [{ ...BOTH, rttMs: 30 }], asked: [] },
  { what: 'both ways on a path with losses', stretches: [{ ...BOTH, lost: 0.005 }], asked: [] },
  { what: 'one way, and receipts the other', stretches: [{ ...DOWN, received: 80 }], asked: [] },
  { what: 'one way, and a call the other', stretches: [{ ...DOWN, sent: 500, received: 40 }], asked: [] },
  { what: 'one way for a while in between', stretches: [BOTH, DOWN, BOTH], asked: ['cubic'] },
  { what: 'one way again for good', stretches: [BOTH, DOWN, DOWN, BOTH], asked: ['cubic', 'bbr', 'cubic'] },
])('bulk that goes $what: asks for $asked', ({ stretches, asked }) => {
  expect(chosen(...stretches)).toEqual(asked);
});

it('goes on with BBR where the kernel refuses CUBIC, and asks again', () => {
  const { asked, name } = played([BOTH], false);
  expect(new Set(asked)).toEqual(new Set(['cubic']));
  expect(asked.length).toBeGreaterThan(1);
  expect(name).toBe('bbr');
  expect(played([BOTH], true).name).toBe('cubic');
});
