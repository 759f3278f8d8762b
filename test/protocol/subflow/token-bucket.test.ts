import { describe, expect, it } from 'vitest';
import { RATE_LIMIT_TUNING, TokenBucket } from '../../../shared/protocol/subflow/token-bucket.ts';
import { TestClock } from '../test-clock.ts';

const now = new TestClock();
const { at } = now;

const RATE = 1_000_000;

/** Frames that leave in `ms` when a segment of `segment` bytes is sent as soon as it may; looked at every `lookMs`. */
function sentIn(bucket: TokenBucket, ms: number, segment: number, lookMs: number): number {
  let sent = 0;
  for (let nowMs = 0; nowMs < ms; nowMs += lookMs) {
    at(nowMs, bucket).refresh();
    while (bucket.isOpen) {
      bucket.spend(segment);
      sent += segment;
    }
  }
  return sent;
}

describe('a token bucket', () => {
  it.each([
    { lookMs: 0.1, segment: 2_000 },
    { lookMs: 1, segment: 16_000 },
    { lookMs: 20, segment: 5_000 },
  ])('lets out the rate, headers included, looked at every $lookMs ms', ({ lookMs, segment }) => {
    const sent =
      sentIn(new TokenBucket(RATE, at(0, now), RATE_LIMIT_TUNING), 5_000, segment, lookMs) *
      RATE_LIMIT_TUNING.wireOverhead;
    expect(sent).toBeGreaterThan(5 * RATE * 0.99);
    expect(sent).toBeLessThan(5 * RATE + (RATE * RATE_LIMIT_TUNING.burstMs) / 1000 + 2 * segment);
  });

  it('lets data leave as datagrams do that keep it in debt, half and half', () => {
    const bucket = new TokenBucket(RATE, at(0, now), RATE_LIMIT_TUNING);
    const sent = { datagrams: 0, data: 0 };
    for (let ms = 0; ms < 10_000; ms++) {
      at(ms, bucket).refresh();
      // A flood: it leaves wherever the debt is small.
      for (; bucket.debtMs < 20; sent.datagrams += 1_228) bucket.spendOnWire(1_228);
      for (; bucket.isOpen; sent.data += 4_000) bucket.spend(4_000);
    }
    const share = sent.data / (sent.data + sent.datagrams);
    process.stdout.write(`beside a flood of datagrams: ${share.toFixed(3)} of the rate for data\n`);
    expect(share).toBeGreaterThan(0.45);
    expect(sent.data + sent.datagrams).toBeLessThan(10.2 * RATE);
    at(20_000, bucket).refresh();
    bucket.spend(100_000);
    expect(bucket.debtMs).toBeGreaterThan(0);
  });

  it('saves up for a burst only, however long it was idle', () => {
    const bucket = new TokenBucket(RATE, at(0, now), RATE_LIMIT_TUNING);
    at(1e9, bucket).refresh();
    bucket.spend((RATE * RATE_LIMIT_TUNING.burstMs) / 1000 / RATE_LIMIT_TUNING.wireOverhead + 100);
    expect(bucket.isOpen).toBe(false);
  });

  it('keeps half of the rate for data, however much leaves that is not held back', () => {
    const bucket = new TokenBucket(RATE, at(0, now), RATE_LIMIT_TUNING);
    for (let i = 0; i < 1_000; i++) bucket.spendUnheld(RATE);
    expect(bucket.waitMs).toBeLessThan(1_000);
    let dataBytes = 0;
    for (let nowMs = 1_000; nowMs <= 11_000; nowMs++) {
      at(nowMs, bucket).refresh();
      bucket.spendUnheld(RATE);
      for (; bucket.isOpen; dataBytes += 2_000) bucket.spend(2_000);
    }
    expect((dataBytes * RATE_LIMIT_TUNING.wireOverhead) / RATE / 10).toBeCloseTo(0.5, 1);
  });

  it('says how long it stays shut, and is open then', () => {
    const bucket = new TokenBucket(RATE, at(0, now), RATE_LIMIT_TUNING);
    expect([bucket.isOpen, bucket.waitMs]).toEqual([true, 0]);
    bucket.spend(50_000);
    const { waitMs } = bucket;
    expect(waitMs).toBeGreaterThan(20);
    at(waitMs - 1, bucket).refresh();
    expect(bucket.isOpen).toBe(false);
    at(waitMs, bucket).refresh();
    expect([bucket.isOpen, bucket.waitMs]).toEqual([true, 0]);
  });

  it('earns nothing when time stands still or goes back', () => {
    const bucket = new TokenBucket(RATE, at(100, now), RATE_LIMIT_TUNING);
    bucket.spend(50_000);
    const { waitMs } = bucket;
    at(100, bucket).refresh();
    at(50, bucket).refresh();
    expect(bucket.waitMs).toBeCloseTo(waitMs, 6);
  });
});
