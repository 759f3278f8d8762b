import { describe, expect, it } from 'vitest';
import { DEFAULT_TUNING, tuningKeys, withTuning } from '../../../shared/protocol/session/core-tuning.ts';

describe('tuning of the core', () => {
  it('replaces the numbers that are named, and no others', () => {
    const tuning = withTuning({ 'receipts.intervalMs': 7 });
    expect(tuning.receipts).toEqual({ ...DEFAULT_TUNING.receipts, intervalMs: 7 });
    expect({ ...tuning, receipts: DEFAULT_TUNING.receipts }).toEqual(DEFAULT_TUNING);
    expect(withTuning({})).toEqual(DEFAULT_TUNING);
  });

  it('holds nothing but finite numbers, each under a name of its own', () => {
    for (const group of Object.values(DEFAULT_TUNING)) {
      for (const value of Object.values(group as object)) expect(Number.isFinite(value)).toBe(true);
    }
    expect(new Set(tuningKeys()).size).toBe(tuningKeys().length);
  });

  it.each([
    [{ 'receipts.interval': 7 }, 'receipts.interval'],
    [{ intervalMs: 7 }, 'intervalMs'],
    [{ 'receipts.__proto__': 7 }, '__proto__'],
    [{ 'receipts.intervalMs': Number.NaN }, 'finite'],
  ])('refuses %j', (overrides, said) => {
    expect(() => withTuning(overrides as Record<string, number>)).toThrow(said);
  });
});
