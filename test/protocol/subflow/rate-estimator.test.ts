import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../../shared/protocol/subflow/ledger.ts';
import { RATE_TUNING, RateEstimator } from '../../../shared/protocol/subflow/rate-estimator.ts';
import { TestClock } from '../test-clock.ts';

/**
 * A path of a fixed rate and round trip time that is kept full: one frame every `gapMs`, each receipted `rttMs` later.
 */
class FullPath {
  readonly clock = new TestClock();
  readonly rate = new RateEstimator(this.clock, RATE_TUNING);
  readonly #underWay: { entry: LedgerEntry; arrivesMs: number }[] = [];
  nowMs = 0;
  #written = 0;

  /** @param isLimited the application has no more than this, though there is room */
  run(durationMs: number, frameBytes: number, gapMs: number, rttMs: number, isLimited = false): void {
    const endMs = this.nowMs + durationMs;
    for (let sendMs = this.nowMs; sendMs < endMs; sendMs += gapMs) {
      this.#receiveUntil(sendMs, rttMs);
      this.nowMs = sendMs;
      if (isLimited) this.rate.onApplicationLimited(this.#underWay.length * frameBytes);
      this.#written += frameBytes;
      const state = this.clock.at(sendMs, this.rate).onSend(this.#underWay.length === 0);
      const entry = {
        item: { kind: 'receipt' },
        endOffset: this.#written,
        sentMs: sendMs,
      } as const;
      this.#underWay.push({ entry: { ...entry, ...state }, arrivesMs: sendMs + rttMs });
    }
    this.nowMs = endMs;
  }

  /** Nothing passes for so long; what is under way comes at its end. */
  pause(durationMs: number): void {
    for (const one of this.#underWay) one.arrivesMs += durationMs;
    this.nowMs += durationMs;
    this.clock.at(this.nowMs, this.rate).resume(durationMs);
  }

  drain(rttMs: number): void {
    this.#receiveUntil(Number.POSITIVE_INFINITY, rttMs);
  }

  #receiveUntil(untilMs: number, rttMs: number): void {
    for (
      let next = this.#underWay[0];
      next !== undefined && next.arrivesMs <= untilMs;
      next = this.#underWay[0]
    ) {
      this.#underWay.shift();
      this.nowMs = Math.max(this.nowMs, next.arrivesMs);
      this.clock.at(next.arrivesMs, this.rate).onReceipt(next.entry.endOffset, next.entry, rttMs);
    }
  }
}

describe('RateEstimator', () => {
  it('finds the rate of a full path, and that the pipe is full', () => {
    const path = new FullPath();
    expect([path.rate.bytesPerSecond, path.rate.pipeIsFull]).toEqual([0, false]);
    path.run(1_000, 1_250, 1, 40);
    expect(path.rate.bytesPerSecond).toBeGreaterThan(1_250_000 * 0.95);
    expect(path.rate.bytesPerSecond).toBeLessThan(1_250_000 * 1.05);
    expect(path.rate.recentBytesPerSecond).toBeGreaterThan(1_250_000 * 0.95);
    expect(path.rate.pipeIsFull).toBe(true);
  });

  it('follows a path that gets faster at once, and one that gets slower after its window', () => {
    const path = new FullPath();
    path.run(1_000, 1_250, 2, 40);
    path.run(200, 1_250, 1, 40);
    expect(path.rate.bytesPerSecond).toBeGreaterThan(1_250_000 * 0.9);
    path.run(150, 1_250, 10, 40);
    expect(path.rate.bytesPerSecond).toBeGreaterThan(1_250_000 * 0.9);
    expect(path.rate.recentBytesPerSecond).toBeLessThan(1_250_000 * 0.7);
    path.run(1_000, 1_250, 10, 40);
    expect(path.rate.bytesPerSecond).toBeLessThan(125_000 * 1.1);
    expect(path.rate.bytesPerSecond).toBeGreaterThan(125_000 * 0.9);
  });

  it('does not mistake a pause of the application for a slow path', () => {
    const path = new FullPath();
    path.run(500, 1_250, 1, 40);
    path.run(200, 1_250, 20, 40, true);
    expect(path.rate.bytesPerSecond).toBeGreaterThan(1_250_000 * 0.95);
    expect(path.rate.recentBytesPerSecond).toBeGreaterThan(1_250_000 * 0.9);
  });

  it('does not mistake idle time for a slow path', () => {
    const path = new FullPath();
    path.run(500, 1_250, 1, 40);
    path.drain(40);
    path.nowMs += 10_000;
    path.run(200, 1_250, 1, 40);
    expect(path.rate.recentBytesPerSecond).toBeGreaterThan(1_250_000 * 0.7);
  });

  it('does not mistake a pause of the path for a slow path, nor what waited for its end', () => {
    const path = new FullPath();
    path.run(1_000, 1_250, 1, 40);
    const before = [path.rate.bytesPerSecond, path.rate.recentBytesPerSecond, path.rate.pipeIsFull];
    for (let pauses = 0; pauses < 10; pauses++) {
      path.pause(400);
      path.run(100, 1_250, 1, 40);
      expect([path.rate.bytesPerSecond, path.rate.recentBytesPerSecond, path.rate.pipeIsFull]).toEqual(
        before,
      );
    }
  });

  it('sees behind a pause that the path has become slower', () => {
    const path = new FullPath();
    path.run(1_000, 1_250, 1, 40);
    path.pause(400);
    path.run(2_000, 1_250, 10, 40);
    expect(path.rate.bytesPerSecond).toBeLessThan(125_000 * 1.1);
  });

  it('takes no sample over less than the smallest round trip time', () => {
    const path = new FullPath();
    path.run(10, 1_250, 1, 1);
    const before = path.rate.bytesPerSecond;
    const state = path.clock.at(path.nowMs, path.rate).onSend(false);
    const entry = {
      item: { kind: 'receipt' },
      endOffset: 1_000_000,
      sentMs: path.nowMs,
    } as const;
    path.clock.at(path.nowMs + 0.5, path.rate).onReceipt(1_000_000, { ...entry, ...state }, 40);
    expect(path.rate.bytesPerSecond).toBe(before);
  });

  it('measures anew after a restart', () => {
    const path = new FullPath();
    path.run(1_000, 1_250, 1, 40);
    path.rate.restart();
    expect([path.rate.bytesPerSecond, path.rate.recentBytesPerSecond, path.rate.pipeIsFull]).toEqual([
      0,
      0,
      false,
    ]);
  });

  it('proves nothing by what is sent before anything has arrived', () => {
    const path = new FullPath();
    path.run(1, 18, 10, 15);
    path.drain(15);
    expect([path.rate.isProven, path.rate.bytesPerSecond > 0]).toEqual([false, true]);
    path.run(200, 10_000, 1, 15);
    expect(path.rate.isProven).toBe(true);
  });
});
