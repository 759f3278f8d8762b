import { expect, it } from 'vitest';
import type { KernelMeasurement } from '../../../shared/protocol/kernel-measurement.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { TestClock } from '../test-clock.ts';

const IDLE: KernelMeasurement = {
  rttMs: 70,
  rttVarMs: 1,
  minRttMs: 30,
  mssBytes: 1_448,
  cwndBytes: 14_480,
  notSentBytes: 0,
  unackedBytes: 0,
  bytesAcked: 0,
  deliveredPackets: 0,
  deliveryRateBytesPerSecond: 0,
  lastAckReceivedMs: 0,
  backoff: 0,
  totalRetransmittedPackets: 0,
  sentPackets: 0,
};

function delayMs(changes: Partial<KernelMeasurement>): number {
  const now = new TestClock();
  const { meter } = newSubflow({ id: 0 }, newUplink('wifi', now), now);
  meter.rtt.addSample(30);
  meter.onKernel({ ...IDLE, ...changes });
  return meter.delayMs;
}

it.each([
  { what: 'an acknowledgement that was delayed', changes: {}, expected: 30 },
  { what: 'also where a PING is under way', changes: { unackedBytes: 1_448 }, expected: 30 },
  { what: 'a slow path, with pings alone', changes: { rttMs: 400 }, expected: 360 },
  { what: 'a queue, where data is under way', changes: { unackedBytes: 14_480 }, expected: 70 },
  { what: 'never less than the receipts tell', changes: { rttMs: 35 }, expected: 30 },
])('the delay of a path is told from $what', ({ changes, expected }) => {
  expect(delayMs(changes)).toBe(expected);
});

it.each([
  { what: 'by the receipts', rttsMs: [105, 110], kernelMs: 105, expected: 105 },
  {
    what: 'by the receipts, while they return on a faster subflow',
    rttsMs: [105, 106],
    kernelMs: 200,
    expected: 106,
  },
  {
    what: 'by the kernel, once the faster one is in trouble',
    rttsMs: [105, 450],
    kernelMs: 200,
    expected: 200,
  },
  { what: 'by the receipts, where a queue has grown', rttsMs: [105, 450], kernelMs: 110, expected: 105 },
])('how long receipts take without a queue is told $what', ({ rttsMs, kernelMs, expected }) => {
  const now = new TestClock();
  const { meter } = newSubflow({ id: 0 }, newUplink('wifi', now), now);
  for (const [index, rttMs] of rttsMs.entries()) {
    now.at(1_000 * index, meter).rtt.addSample(rttMs);
    now.at(1_000 * index + 400, meter).rtt.addSample(rttMs);
  }
  meter.onKernel({ ...IDLE, minRttMs: kernelMs });
  expect(meter.receiptRttMs).toBe(expected);
});
