import { expect, it } from 'vitest';
import { joinRate, TokenBuckets } from '../../../server-concentrator/limits/token-buckets.ts';

it('gives each client a burst and then its rate', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSecond: 10, burst: 3 }, () => nowMs);
  const taken = (clientId: string) => Array.from({ length: 5 }, () => buckets.of(clientId).tryTake());
  expect(taken('a')).toEqual([true, true, true, false, false]);
  expect(taken('b')).toEqual([true, true, true, false, false]);
  expect(buckets.of('a').waitMs).toBe(100);
  nowMs = 100;
  expect(taken('a')).toEqual([true, false, false, false, false]);
  buckets.of('a').giveBack(2);
  expect(taken('a')).toEqual([true, true, false, false, false]);
  buckets.of('a').giveBack(100);
  expect(taken('a')).toEqual([true, true, true, false, false]);
  nowMs = 60_000;
  expect(taken('a')).toEqual([true, true, true, false, false]);
});

it('lets all subflows of all sessions of a client come back at once', () => {
  const buckets = new TokenBuckets(joinRate(16), () => 0);
  expect(Array.from({ length: 8 * 32 }, () => buckets.of('a').tryTake())).not.toContain(false);
  expect(buckets.of('a').tryTake()).toBe(false);
});

it('forgets buckets that are full again, and none that its client would gain by', () => {
  let nowMs = 0;
  const buckets = new TokenBuckets({ perSecond: 10, burst: 3 }, () => nowMs);
  const ids = Array.from({ length: 1_000 }, (_, i) => `passing-${i}`);
  const before = ids.map((id) => {
    const bucket = buckets.of(id);
    bucket.tryTake();
    return bucket;
  });
  buckets.of('busy').tryTake(3);
  nowMs = 100;
  const busy = buckets.of('busy');
  busy.tryTake();
  for (let i = 0; i < 2_000; i++) buckets.of(`new-${i}`);
  expect(buckets.of('busy')).toBe(busy);
  expect(ids.filter((id, i) => buckets.of(id) === before[i])).toEqual([]);
});
