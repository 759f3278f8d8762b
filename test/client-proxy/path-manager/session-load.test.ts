import { expect, it } from 'vitest';
import { SessionLoad } from '../../../client-proxy/path-manager/session-load.ts';

it('is busy from 20 kB a second on, and says once that it has become so', () => {
  const load = new SessionLoad();
  const steps = [
    // Bytes, at a time: whether it has become busy, and whether it is.
    [0, 0, false, false],
    [9_000, 500, false, false],
    [19_500, 1_000, true, true],
    // Too soon to say.
    [19_500, 1_100, false, true],
    [60_000, 1_500, false, true],
    [60_500, 2_000, false, false],
    [160_500, 3_000, true, true],
  ] as const;
  for (const [bytes, atMs, hasBecome, isBusy] of steps)
    expect([load.review(bytes, atMs), load.isBusy], `at ${atMs} ms`).toEqual([hasBecome, isBusy]);
});
