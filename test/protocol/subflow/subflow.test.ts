import { describe, expect, it } from 'vitest';
import type { KernelMeasurement } from '../../../shared/protocol/kernel-measurement.ts';
import { CONGESTION_TUNING } from '../../../shared/protocol/subflow/controller-tuning.ts';
import { PATH_TUNING } from '../../../shared/protocol/subflow/path-knowledge.ts';
import { PAUSE_TUNING } from '../../../shared/protocol/subflow/pause-detector.ts';
import { PING_TUNING } from '../../../shared/protocol/subflow/ping-timer.ts';
import type { Subflow } from '../../../shared/protocol/subflow/subflow.ts';
import { newSubflow as makeSubflow, newUplink } from '../new-subflow.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

const KERNEL: KernelMeasurement = {
  rttMs: 600,
  rttVarMs: 1,
  minRttMs: 600,
  mssBytes: 1_448,
  cwndBytes: 200_000,
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

it('is judged by the congestion control that its connection uses now', () => {
  const subflow = newSubflow();
  at(0, subflow).onKernel({ ...KERNEL, congestionControl: 'cubic' });
  expect(subflow.congestionControl).toBe('cubic');
  at(1, subflow).onKernel(KERNEL);
  expect(subflow.congestionControl).toBe('cubic');
  at(2, subflow).onKernel({ ...KERNEL, congestionControl: 'bbr' });
  expect(subflow.congestionControl).toBe('bbr');
});

describe('what a subflow may have in flight', () => {
  it('follows the kernel in slow start, as long as nothing queues', () => {
    const subflow = newSubflow();
    expect(subflow.congestion.inFlightLimitBytes).toBe(CONGESTION_TUNING.firstInFlightBytes);
    at(0, subflow).onKernel(KERNEL);
    expect(subflow.congestion.inFlightLimitBytes).toBe(KERNEL.cwndBytes);
    at(1, subflow).onKernel({ ...KERNEL, rttMs: 800 });
    expect(subflow.congestion.inFlightLimitBytes).toBe(CONGESTION_TUNING.firstInFlightBytes);
  });

  it('does not jump to an old window after a doubt', () => {
    const subflow = newSubflow();
    at(1, subflow).doubt(false);
    at(2, subflow).recover();
    at(3, subflow).onKernel(KERNEL);
    expect(subflow.congestion.inFlightLimitBytes).toBeLessThan(CONGESTION_TUNING.firstInFlightBytes);
  });

  it('is not cut while a lost packet holds receipts back, and is when a long queue stands', () => {
    const subflow = newSubflow();
    const kernel = { ...KERNEL, minRttMs: 60, rttMs: 60, cwndBytes: 100_000 };
    keepBusy(subflow, { untilMs: 2_000, rttMs: 60, bytesPerMs: 1_000 });
    const nowMs = 2_000;
    at(nowMs, subflow).onKernel(kernel);
    const usual = subflow.congestion.inFlightLimitBytes;
    expect(usual).toBeLessThan(120_000);
    at(nowMs + 1, subflow).onKernel({ ...kernel, totalRetransmittedPackets: 1 });
    expect(subflow.congestion.inFlightLimitBytes).toBeGreaterThan(usual * 1.3);
    at(nowMs + 200, subflow).onKernel({ ...kernel, totalRetransmittedPackets: 1 });
    expect(subflow.congestion.inFlightLimitBytes).toBe(usual);
    at(nowMs + 201, subflow).onKernel({ ...kernel, rttMs: 460, totalRetransmittedPackets: 2 });
    expect(subflow.congestion.inFlightLimitBytes).toBe(usual);
  });
});

describe('what a subflow may have in flight while bulk arrives on it, too', () => {
  it('is what the kernel takes, since receipts wait in the queue of the other direction', () => {
    const subflow = newSubflow();
    const kernel = { ...KERNEL, rttMs: 40, minRttMs: 40, cwndBytes: 1_000_000 };
    keepBusy(subflow, { untilMs: 2_000, rttMs: 40, bytesPerMs: 1_000 });
    at(2_000, subflow).onKernel({ ...kernel, notSentBytes: 2_000 });
    at(2_000, subflow).append([new Uint8Array(100_000)], { kind: 'receipt' });
    at(2_000, subflow).onArrival(500_000);
    at(2_001, subflow).onReceipt(subflow.outbox.ledger.receiptedBytes + 10_000, 0);
    expect(roomBytes(subflow)).toBe(0);
    at(2_002, subflow).onKernel({ ...kernel, notSentBytes: 2_000 });
    // 10 ms at 1000 bytes each, and the 2 ms until the next figures.
    expect(roomBytes(subflow)).toBeCloseTo(10_000, -3);
    at(2_004, subflow).onKernel({ ...kernel, notSentBytes: 20_000 });
    expect(roomBytes(subflow)).toBe(0);
  });

  it('is what the kernel takes while the rate still grows, too: late receipts would stop the growth', () => {
    const subflow = newSubflow();
    const kernel = { ...KERNEL, rttMs: 200, minRttMs: 40, cwndBytes: 1_000_000 };
    keepBusy(subflow, { untilMs: 80, rttMs: 40, bytesPerMs: 1_000 });
    expect(subflow.isRateGrowing).toBe(true);
    at(80, subflow).append([new Uint8Array(300_000)], { kind: 'receipt' });
    at(80, subflow).onKernel(kernel);
    expect(roomBytes(subflow)).toBeLessThanOrEqual(0);
    at(80, subflow).onArrival(100_000);
    at(81, subflow).onReceipt(subflow.outbox.ledger.receiptedBytes + 1_000, 0);
    at(82, subflow).onKernel(kernel);
    expect(roomBytes(subflow)).toBeGreaterThan(CONGESTION_TUNING.minCommitBytes);
  });
});

describe('a subflow on which bulk arrives, and of which the kernel says nothing new', () => {
  it('takes enough for another receipt once all is receipted', () => {
    const subflow = newSubflow();
    const kernel = { ...KERNEL, rttMs: 40, minRttMs: 40, cwndBytes: 1_000_000 };
    keepBusy(subflow, { untilMs: 2_000, rttMs: 40, bytesPerMs: 1_000 });
    at(2_000, subflow).onKernel({ ...kernel, notSentBytes: 2_000 });
    keepBusy(subflow, { fromMs: 2_000, untilMs: 2_100, rttMs: 40, bytesPerMs: 1_000 });
    for (let nowMs = 2_110; subflow.inFlightBytes > 0; nowMs += 10) {
      at(nowMs, subflow).onArrival(10_000);
      at(nowMs, subflow).onReceipt(subflow.outbox.ledger.receiptedBytes + 10_000, 0);
    }
    expect(at(2_200, subflow).canTake).toBe(true);
  });
});

describe('what a subflow takes at once', () => {
  it.each([
    [
      'a slow one little, so that its pipe never holds a single record',
      250,
      CONGESTION_TUNING.minCommitBytes,
    ],
    ['a fast one 10 ms of its rate', 3_000, 30_000],
  ])('%s', (_, bytesPerMs, expected) => {
    const subflow = newSubflow();
    keepBusy(subflow, { untilMs: 2_000, rttMs: 100, bytesPerMs });
    for (const frame = new Uint8Array(1_000); at(2_000, subflow).canTake; ) {
      at(2_000, subflow).append([frame], { kind: 'receipt' });
    }
    const taken = subflow.outbox.take().reduce((sum, { length }) => sum + length, 0);
    expect(taken).toBeGreaterThan(expected * 0.9);
    expect(taken).toBeLessThan(expected * 1.1 + 1_000);
  });
});

describe('a subflow whose path stands still', () => {
  it('is asked again and again, so that the kernel learns at the first answer what was lost', () => {
    const subflow = newSubflow();
    const ping = (nowMs: number) => {
      at(nowMs, subflow).append([new Uint8Array(8)], { kind: 'control' });
    };
    keepBusy(subflow, { untilMs: 2_900, rttMs: 120, bytesPerMs: 100 });
    ping(2_900);
    at(2_901, subflow).onReceipt(subflow.outbox.ledger.receiptedBytes + 1_000, 0);
    expect(at(2_901 + PAUSE_TUNING.silenceMs, subflow).liveness.wantsPausePing).toBe(false);
    const nowMs = 2_901 + PAUSE_TUNING.silenceMs + 20;
    expect(at(nowMs, subflow).liveness.wantsPausePing).toBe(true);
    ping(nowMs);
    expect(at(nowMs + PAUSE_TUNING.pingMs - 1, subflow).liveness.wantsPausePing).toBe(false);
    expect(at(nowMs + PAUSE_TUNING.pingMs, subflow).liveness.wantsPausePing).toBe(true);
  });
});

describe('a subflow that comes back from a doubt in which nothing else could carry its data', () => {
  /** 100 bytes a millisecond over 40 ms, silent for 300 ms, doubted on the way. */
  function paused() {
    const subflow = newSubflow();
    keepBusy(subflow, { untilMs: 3_000, rttMs: 40, bytesPerMs: 100 });
    at(3_000, subflow).append([new Uint8Array(50)], { kind: 'receipt' });
    at(3_150, subflow).doubt(true);
    return subflow;
  }
  const known = ({ rateBytesPerSecond, congestion, minRttMs, smoothedRttMs }: Subflow) => ({
    rateBytesPerSecond,
    inFlightLimitBytes: congestion.inFlightLimitBytes,
    minRttMs,
    smoothedRttMs,
  });

  it('knows all that it knew, and waits for nothing', () => {
    const subflow = paused();
    const before = known(subflow);
    at(3_300, subflow).onReceipt(subflow.outbox.ledger.writtenBytes, 0);
    subflow.recover();
    expect(known(subflow)).toEqual(before);
    expect([subflow.isDegraded, subflow.isRateProven]).toEqual([false, true]);
    expect(subflow.liveness.readyMs).toBe(Number.NEGATIVE_INFINITY);
  });

  it('measures the round trip anew all the same when the path turns out to be a much longer one', () => {
    const subflow = paused();
    at(3_300, subflow).recover();
    keepBusy(subflow, { untilMs: 6_000, rttMs: 400, bytesPerMs: 100, fromMs: 3_300 });
    expect(subflow.minRttMs).toBe(400);
    expect(subflow.congestion.inFlightLimitBytes).toBeGreaterThan(400 * 100);
  });

  it('measures anew when its data went to a better place that came meanwhile', () => {
    const subflow = paused();
    expect(subflow.liveness.isKept).toBe(true);
    at(3_200, subflow).leave();
    expect(subflow.liveness.isKept).toBe(false);
    at(3_300, subflow).recover();
    expect(subflow.isRateProven).toBe(false);
  });
});

describe('a subflow that comes back from a doubt', () => {
  it('is asked soon for its round trip, and counts as degraded until that is known', () => {
    const subflow = newSubflow();
    keepBusy(subflow, { untilMs: 3_000, rttMs: 40, bytesPerMs: 100 });
    at(3_000, subflow).append([new Uint8Array(50)], { kind: 'receipt' });
    subflow.outbox.take();
    subflow.outbox.setWritable(true);
    at(3_000, subflow).doubt(false);
    at(3_600, subflow).recover();
    at(3_610, subflow).onReceipt(subflow.outbox.ledger.writtenBytes, 0);
    expect(at(3_610, subflow).isDegraded).toBe(true);
    expect(subflow.smoothedRttMs).toBeLessThan(50);
    expect(at(3_610, subflow).liveness.wantsPing(false)).toBe(true);
    at(3_610, subflow).append([new Uint8Array(8)], { kind: 'receipt' });
    at(3_650, subflow).onReceipt(subflow.outbox.ledger.writtenBytes, 0);
    expect(at(3_650, subflow).isDegraded).toBe(false);
  });

  it('learns the rate of a slow path from what was stuck, and its round trip after that', () => {
    const subflow = newSubflow();
    keepBusy(subflow, { untilMs: 3_000, rttMs: 40, bytesPerMs: 1_000 });
    const from = subflow.outbox.ledger.receiptedBytes;
    const stuckBytes = subflow.outbox.ledger.writtenBytes - from;
    at(3_000, subflow).doubt(false);
    at(3_200, subflow).recover();
    expect(subflow.isRateProven).toBe(false);
    at(3_200, subflow).append([new Uint8Array(8)], { kind: 'receipt' });
    for (let ms = 50; ms <= 500; ms += 50) {
      at(3_200 + ms, subflow).onReceipt(from + Math.floor((stuckBytes * ms) / 500), 0);
    }
    at(3_700, subflow).onReceipt(subflow.outbox.ledger.writtenBytes, 0);
    expect(subflow.isRateProven).toBe(true);
    expect(subflow.rateBytesPerSecond).toBeCloseTo(stuckBytes / 0.5, -2);
    // The round trip was that of the queue; it is asked for anew, with little under way.
    expect(at(3_700 + PING_TUNING.degradedIntervalMs, subflow).liveness.wantsPing(false)).toBe(true);
    at(3_950, subflow).append([new Uint8Array(8)], { kind: 'receipt' });
    at(4_150, subflow).onReceipt(subflow.outbox.ledger.writtenBytes, 0);
    expect(subflow.minRttMs).toBe(200);
    expect(at(4_150, subflow).isDegraded).toBe(true);
  });

  it('is judged by the kernel when it has become much slower, since receipts return elsewhere', () => {
    const subflow = newSubflow();
    keepBusy(subflow, { untilMs: 3_000, rttMs: 40, bytesPerMs: 100 });
    at(3_000, subflow).onKernel({ ...KERNEL, rttMs: 90, minRttMs: 40 });
    expect(subflow.recentRttMs).toBeLessThan(50);
    at(3_000, subflow).doubt(false);
    at(3_100, subflow).recover();
    keepBusy(subflow, { untilMs: 5_000, rttMs: 240, bytesPerMs: 10, fromMs: 3_100 });
    at(5_000, subflow).onKernel({ ...KERNEL, rttMs: 440, minRttMs: 40 });
    expect(subflow.recentRttMs).toBe(440);
  });

  it.each([
    [40, 45, false],
    [40, 140, true],
    [600, 700, false],
  ])(
    'with %i ms before and %i ms now, is degraded: %s; after a minute it is not',
    (beforeMs, nowMs, expected) => {
      const subflow = newSubflow();
      keepBusy(subflow, { untilMs: 3_000, rttMs: beforeMs, bytesPerMs: 100 });
      expect(at(3_000, subflow).isDegraded).toBe(false);
      at(3_000, subflow).doubt(false);
      at(3_100, subflow).recover();
      keepBusy(subflow, { untilMs: 6_000, rttMs: nowMs, bytesPerMs: 100, fromMs: 3_100 });
      expect(at(6_000, subflow).isDegraded).toBe(expected);
      expect(at(3_100 + PATH_TUNING.degradedMs, subflow).isDegraded).toBe(false);
    },
  );
});

function newSubflow(): Subflow {
  at(0, now);
  return makeSubflow({ id: 0 }, newUplink('lan', now), now);
}

/** What may still be written to it before a receipt comes. */
function roomBytes({ congestion, inFlightBytes }: Subflow): number {
  return congestion.inFlightLimitBytes - inFlightBytes;
}

/** Frames of 10 ms of the rate, each receipted one round trip later. */
function keepBusy(
  subflow: Subflow,
  {
    fromMs = 0,
    untilMs,
    rttMs,
    bytesPerMs,
  }: { fromMs?: number; untilMs: number; rttMs: number; bytesPerMs: number },
): void {
  const sentAt: { ms: number; endOffset: number }[] = [];
  for (let ms = fromMs; ms < untilMs; ms += 10) {
    at(ms, subflow).append([new Uint8Array(bytesPerMs * 10)], { kind: 'receipt' });
    subflow.outbox.take();
    subflow.outbox.setWritable(true);
    sentAt.push({ ms, endOffset: subflow.outbox.ledger.writtenBytes });
    while (sentAt[0] !== undefined && sentAt[0].ms + rttMs <= ms) {
      at(ms, subflow).onReceipt(sentAt.shift()!.endOffset, 0);
    }
  }
}
