import { expect, it } from 'vitest';
import type { KernelMeasurement } from '../../../shared/protocol/kernel-measurement.ts';
import { COLLAPSE_TUNING, CollapseWatch } from '../../../shared/protocol/subflow/collapse-watch.ts';

const MSS_BYTES = 1_000;
/** A thousand packets a second, a pipe of 40. */
const BYTES_PER_SECOND = 1_000_000;
const KERNEL = { mssBytes: MSS_BYTES, minRttMs: 40, lastAckReceivedMs: 2 } as KernelMeasurement;

interface Stretch {
  readonly forMs: number;
  readonly packetsPerMs: number;
  readonly unackedPackets?: number;
  readonly rttMs?: number;
}

/** What the watch says at the end of the stretches, one after the other. */
function after(...stretches: readonly Stretch[]): boolean {
  const now = { ms: 0 };
  const watch = new CollapseWatch(now, COLLAPSE_TUNING);
  let deliveredPackets = 0;
  for (const { forMs, packetsPerMs, unackedPackets = 60, rttMs = KERNEL.minRttMs } of stretches) {
    for (const endMs = now.ms + forMs; now.ms < endMs; ) {
      now.ms += 2;
      deliveredPackets += 2 * packetsPerMs;
      const kernel = { ...KERNEL, deliveredPackets, unackedBytes: unackedPackets * MSS_BYTES };
      watch.onKernel(kernel, BYTES_PER_SECOND, rttMs);
    }
  }
  return watch.isCollapsed;
}

const BUSY: Stretch = { forMs: 1_000, packetsPerMs: 1 };

it.each<{ what: string; stretches: Stretch[]; isCollapsed: boolean }>([
  { what: 'is busy', stretches: [BUSY], isCollapsed: false },
  { what: 'brings a fortieth', stretches: [BUSY, { forMs: 140, packetsPerMs: 0.025 }], isCollapsed: true },
  {
    what: 'has done so for too short a time',
    stretches: [BUSY, { forMs: 100, packetsPerMs: 0.025 }],
    isCollapsed: false,
  },
  { what: 'brings a quarter', stretches: [BUSY, { forMs: 1_000, packetsPerMs: 0.25 }], isCollapsed: false },
  {
    what: 'was left to run empty',
    stretches: [BUSY, { forMs: 400, packetsPerMs: 0.1, unackedPackets: 4 }],
    isCollapsed: false,
  },
  {
    what: 'has become so long that nothing can have come back',
    stretches: [
      BUSY,
      { forMs: 20, packetsPerMs: 1, rttMs: 420 },
      { forMs: 400, packetsPerMs: 0, unackedPackets: 300, rttMs: 420 },
    ],
    isCollapsed: false,
  },
  {
    what: 'is busy again',
    stretches: [BUSY, { forMs: 200, packetsPerMs: 0.025 }, { forMs: 20, packetsPerMs: 1 }],
    isCollapsed: false,
  },
])('a path that $what: collapsed: $isCollapsed', ({ stretches, isCollapsed }) => {
  expect(after(...stretches)).toBe(isCollapsed);
});

it('says nothing of a path whose rate is not known', () => {
  const now = { ms: 0 };
  const watch = new CollapseWatch(now, COLLAPSE_TUNING);
  watch.onKernel({ ...KERNEL, deliveredPackets: 1, unackedBytes: 60_000 }, 0, KERNEL.minRttMs);
  now.ms = 1_000;
  expect(watch.isCollapsed).toBe(false);
});
