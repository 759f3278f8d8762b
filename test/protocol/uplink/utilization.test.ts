import { describe, expect, it, vi } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import type { ControlItem } from '../../../shared/protocol/control/control-item.ts';
import { DEFAULT_TUNING } from '../../../shared/protocol/session/core-tuning.ts';
import type { TokenBucket } from '../../../shared/protocol/subflow/token-bucket.ts';
import { Uplinks } from '../../../shared/protocol/uplink/uplinks.ts';
import { UTILIZATION_TUNING } from '../../../shared/protocol/uplink/utilization.ts';
import { newSubflow } from '../new-subflow.ts';
import { SessionBed } from '../session/session-bed.ts';
import { TestClock } from '../test-clock.ts';

const RTT_MS = 20;
const SECOND = 1_000;

/** A subflow of 1 MB/s; `share` of it is sent in each 100 ms, for a second. */
function bed(role: 'client' | 'concentrator' = 'concentrator') {
  const now = new TestClock();
  const { at } = now;
  const told: ControlItem[] = [];
  const host = {
    role,
    tellPeer: (item: ControlItem) => told.push(item),
    onSubflowsWanted() {},
    onPathSearch() {},
  };
  const uplinks = new Uplinks(host, now, DEFAULT_TUNING);
  const uplink = uplinks.named('dsl');
  const subflow = newSubflow({ id: 0 }, uplink, now);
  let nowMs = 0;
  let receiptedBytes = 0;
  return {
    at,
    uplinks,
    uplink,
    told,
    subflow,
    run(share: number, durationMs = SECOND) {
      for (const endMs = nowMs + durationMs; nowMs < endMs; ) {
        let inFlightBytes = 0;
        // A turn is 100 ms: what is sent in it is receipted in it, but for a full pipe's last round trip.
        const frames = Math.round(100 * share);
        for (let i = 0; i < frames; i++) {
          at(nowMs + i, subflow).append([new Uint8Array(1_000)], { kind: 'receipt' });
          inFlightBytes += 1_000;
        }
        subflow.outbox.take();
        subflow.outbox.setWritable(true);
        const kept =
          share >= 1 ? Math.min(inFlightBytes, subflow.congestion.inFlightLimitBytes / 2 + 1_000) : 0;
        receiptedBytes = subflow.outbox.ledger.writtenBytes - kept;
        at(nowMs + 100, subflow).onReceipt(receiptedBytes, 0);
        if (share < 1) subflow.congestion.onApplicationLimited();
        nowMs += 100;
        at(nowMs, uplinks).reviewUtilization();
      }
    },
  };
}

describe('the utilization of an uplink', () => {
  it('is full while more could be sent, and what is sent of what it can otherwise', () => {
    const { uplink, subflow, run } = bed();
    expect(uplink.utilization.share).toBe(0);
    subflow.meter.rtt.addSample(RTT_MS);
    run(1, 2 * UTILIZATION_TUNING.reviewMs);
    expect(uplink.utilization.share).toBe(1);
    run(0.3, 2 * UTILIZATION_TUNING.reviewMs);
    expect(uplink.utilization.share).toBeGreaterThan(0.1);
    expect(uplink.utilization.share).toBeLessThan(0.5);
    run(0, 2 * UTILIZATION_TUNING.reviewMs);
    expect(uplink.utilization.share).toBe(0);
  });

  it('is told to the client as it changes, and not again and again', () => {
    const { subflow, told, run } = bed();
    subflow.meter.rtt.addSample(RTT_MS);
    run(1, 5 * UTILIZATION_TUNING.reviewMs);
    const atFirst = told.length;
    expect(atFirst).toBeGreaterThan(0);
    run(1, 5 * UTILIZATION_TUNING.reviewMs);
    expect(told).toHaveLength(atFirst);
    run(0, 3 * UTILIZATION_TUNING.reviewMs);
    // What was said before is out of date, should it not have left.
    expect(told.slice(0, -1).map((item) => item.encode())).toEqual(told.slice(0, -1).map(() => undefined));
    expect(told.at(-1)!.encode()).toBeDefined();
  });

  it('is that of the direction that uses more of it', () => {
    const { at, uplink, run } = bed('client');
    run(0.1);
    at(SECOND, uplink.utilization).onPeerReport(90);
    expect(uplink.utilization.share).toBe(0.9);
  });

  it('is told again while there is any, and forgotten by a client that hears of it no more', () => {
    const { subflow, told, run } = bed();
    subflow.meter.rtt.addSample(RTT_MS);
    run(1, 60 * SECOND);
    expect(told.length).toBeGreaterThanOrEqual(6);
    expect(told.length).toBeLessThanOrEqual(8);
    run(0, 60 * SECOND);
    expect(told.length).toBeLessThanOrEqual(9);
    const client = bed('client');
    client.at(0, client.uplink.utilization).onPeerReport(100);
    client.run(0, UTILIZATION_TUNING.lifetimeMs - SECOND);
    expect(client.uplink.utilization.share).toBe(1);
    client.run(0, 2 * SECOND);
    expect(client.uplink.utilization.share).toBe(0);
  });

  it('is none while its only subflow is doubted, and that is told', () => {
    const { at, uplinks, uplink, subflow, told, run } = bed();
    subflow.meter.rtt.addSample(RTT_MS);
    run(1, 2 * UTILIZATION_TUNING.reviewMs);
    at(2 * SECOND, subflow).doubt(false);
    for (let ms = 2 * SECOND; ms < 5 * SECOND; ms += 100) at(ms, uplinks).reviewUtilization();
    expect(uplink.utilization.share).toBe(0);
    expect(told.at(-1)!.encode()).toEqual(encodeControl({ type: 'utilization', subflowId: 0, percent: 0 }));
  });

  it('comes from the concentrator by UTILIZATION', () => {
    const client = new SessionBed('client');
    client.control({ type: 'utilization', subflowId: 0, percent: 70 });
    client.control({ type: 'utilization', subflowId: 99, percent: 90 });
    expect(client.session.snapshot().uplinks.find(({ name }) => name === 'uplink0')?.utilization).toBe(0.7);
    const concentrator = new SessionBed('concentrator');
    concentrator.control({ type: 'utilization', subflowId: 0, percent: 70 });
    expect(concentrator.session.isClosed).toBe(true);
  });
});

describe('the utilization of an uplink with a rate limit', () => {
  it('is full while the limit holds data back, and by what it allows otherwise', () => {
    const { uplink, subflow, run } = bed();
    subflow.meter.rtt.addSample(RTT_MS);
    run(1, 2 * UTILIZATION_TUNING.reviewMs);
    // The bench sends past the bucket: it is the judgement that counts here.
    const bucket = { bytesPerSecond: 300_000, isOpen: true, waitMs: 0, spend() {}, spendUnheld() {} };
    vi.spyOn(uplink, 'bucket', 'get').mockReturnValue(bucket as unknown as TokenBucket);
    run(0.3, 2 * UTILIZATION_TUNING.reviewMs);
    expect(uplink.utilization.share).toBeGreaterThan(0.9);
    run(0.1, 2 * UTILIZATION_TUNING.reviewMs);
    expect(uplink.utilization.share).toBeLessThan(0.5);
    bucket.isOpen = false;
    run(0.1, 2 * UTILIZATION_TUNING.reviewMs);
    expect(uplink.utilization.share).toBe(1);
  });
});
