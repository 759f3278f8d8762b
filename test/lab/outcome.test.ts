import { expect, test } from 'vitest';
import type { Transfer } from './agent/arrivals.ts';
import { outcome } from './outcome.ts';

const received: Transfer = {
  ...{ bytes: 999, firstAtMs: 0, lastAtMs: 1, endedAtMs: 1, buckets: [999], gaps: [] },
  isExact: true,
};
const upload = { kind: 'bulk', direction: 'up' } as const;

test('an upload of fewer bytes than were sent is not exact, however orderly it ended', async () => {
  const of = async (bytes: number) =>
    (await outcome({ ...upload, bytes }, {}, Promise.resolve(received)))?.isExact;
  expect(await of(1000)).toBe(false);
  expect(await of(999)).toBe(true);
  expect((await outcome({ ...upload, ms: 5 }, {}, Promise.resolve(received)))?.isExact).toBe(true);
});

test('an upload that never began has no outcome', async () => {
  expect(
    await outcome({ ...upload, ms: 5 }, { error: 'refused' }, Promise.resolve(received)),
  ).toBeUndefined();
});
