import { afterEach, describe, expect, it, vi } from 'vitest';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { doctorCase, measuring, run } from './doctor-case.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('idle time-out of a NAT', () => {
  it.each([
    [Number.POSITIVE_INFINITY, 'ok', /240 s of silence, and more/],
    [100_000, 'ok', /through 60 s of silence, and are forgotten within 120 s/],
    [20_000, 'warning', /through 15 s/],
    // It works all the same: subflows that are not metered are never silent for long.
    [5_000, 'warning', /forgotten within 15 s/],
  ])('of %d ms', async (timeoutMs, outcome, words) => {
    vi.useFakeTimers();
    const it = doctorCase();
    const measure = async () => {
      const sinceMs = Date.now();
      let isSilent = false;
      const connection = measuring({
        keepSilent: () => {
          isSilent = true;
        },
        ping: async () => (isSilent && Date.now() - sinceMs > timeoutMs ? undefined : 10),
      });
      return { connection, terms: { allowanceBytes: 0, facts: '{}' } };
    };
    const finding = run('nat-timeout', { ...it, prober: { ...it.prober, measure } });
    await vi.advanceTimersByTimeAsync(240_000);
    expect(await finding).toMatchObject({ outcome, words: expect.stringMatching(words) });
  });
});

it('takes a connection that outlived a longer silence for no proof', async () => {
  vi.useFakeTimers();
  const it = doctorCase();
  let opened = 0;
  const measure = async () => {
    const isLost = opened++ === 1;
    const connection = measuring({ ping: async () => (isLost ? undefined : 10) });
    return { connection, terms: { allowanceBytes: 0, facts: '{}' } };
  };
  const finding = run('nat-timeout', { ...it, prober: { ...it.prober, measure } });
  await vi.advanceTimersByTimeAsync(240_000);
  expect(await finding).toMatchObject({
    words: 'connections live through 15 s of silence, and are forgotten within 30 s',
    figures: { survives: { value: 15, unit: 's' }, forgotten: { value: 30, unit: 's' } },
  });
});

it('leaves no connection behind, and waits for nothing, when one of them is refused', async () => {
  vi.useFakeTimers();
  const it = doctorCase();
  const close = vi.fn();
  let opened = 0;
  const measure = async () => {
    if (opened++ === 1) throw new HandshakeRefused(ERROR_CODE.resourceExceeded);
    // The others are still on their way when the refusal is there.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { connection: measuring({ close }), terms: { allowanceBytes: 0, facts: '{}' } };
  };
  const finding = run('nat-timeout', { ...it, prober: { ...it.prober, measure } });
  await vi.advanceTimersByTimeAsync(100);
  expect([close.mock.calls.length, vi.getTimerCount()]).toEqual([4, 0]);
  expect(await finding).toMatchObject({ outcome: 'skipped', words: expect.stringContaining('try again') });
});
