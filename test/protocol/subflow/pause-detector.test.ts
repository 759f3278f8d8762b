import { describe, expect, it } from 'vitest';
import { PAUSE_TUNING, PauseDetector } from '../../../shared/protocol/subflow/pause-detector.ts';

const LONG_AGO = Number.NEGATIVE_INFINITY;

/** Signs of life every so many milliseconds, the first at 0. @returns when the last one came */
function signs(detector: PauseDetector, everyMs: number, count: number): number {
  for (let i = 0; i < count; i++) detector.onSign(i * everyMs);
  return (count - 1) * everyMs;
}

describe('a path', () => {
  it('has stood still when a stream of signs stops for long enough', () => {
    const detector = new PauseDetector(PAUSE_TUNING);
    const lastMs = signs(detector, 5, 20);
    expect(detector.pauseMs(lastMs + PAUSE_TUNING.silenceMs, LONG_AGO)).toBe(0);
    expect(detector.pauseMs(lastMs + 3 * PAUSE_TUNING.silenceMs, LONG_AGO)).toBe(3 * PAUSE_TUNING.silenceMs);
  });

  it('has not while no answer is due yet, and then only since it is', () => {
    const detector = new PauseDetector(PAUSE_TUNING);
    const lastMs = signs(detector, 5, 20);
    expect(detector.pauseMs(lastMs + 600, lastMs + 600 - PAUSE_TUNING.silenceMs)).toBe(0);
    expect(detector.pauseMs(lastMs + 600, lastMs + 500)).toBe(100);
  });

  it('has not when it is so slow that signs are always as far apart', () => {
    const detector = new PauseDetector(PAUSE_TUNING);
    const lastMs = signs(detector, 2 * PAUSE_TUNING.silenceMs, 20);
    expect(detector.pauseMs(lastMs + 2 * PAUSE_TUNING.silenceMs, LONG_AGO)).toBe(0);
  });

  it('has not when there was no sign at all', () => {
    expect(new PauseDetector(PAUSE_TUNING).pauseMs(1_000, LONG_AGO)).toBe(0);
  });
});
