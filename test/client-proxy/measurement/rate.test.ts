import { expect, test } from 'vitest';
import type { Sample } from '../../../client-proxy/measurement/measurement-connection.ts';
import { rateBetween, rateOf } from '../../../client-proxy/measurement/rate.ts';

const MBPS = 32;
const BYTES_PER_MS = (MBPS * 1e6) / 8_000;
const LONG_MS = 3_000;
/** How late the program is at times, and how much faster than the link it reads what has come meanwhile. */
const LATE_MS = 100;
const CATCHING_UP = 20;

/** What a program sees of a link that is full for three seconds, when it was late until each of these times. */
function samplesOf(...lateUntilMs: readonly number[]): readonly Sample[] {
  const samples: Sample[] = [{ atMs: 0, bytes: 0 }];
  for (let atMs = 1; atMs <= LONG_MS; atMs++) {
    if (lateUntilMs.some((untilMs) => atMs > untilMs - LATE_MS && atMs < untilMs)) continue;
    const before = samples.at(-1)!;
    const readable = before.bytes + CATCHING_UP * BYTES_PER_MS;
    samples.push({ atMs, bytes: Math.min(atMs * BYTES_PER_MS, readable) });
  }
  return samples;
}

test('the rate of a link, by the second half', () => {
  const slow = samplesOf().map(({ atMs, bytes }) => ({ atMs, bytes: atMs < 1_000 ? bytes / 2 : bytes }));
  for (const samples of [samplesOf(), slow]) {
    expect(rateOf(samples)! / 1e6).toBeCloseTo(MBPS);
    expect(rateBetween(samples, 1_500, LONG_MS)! / 1e6).toBeCloseTo(MBPS);
  }
});

test.for([
  ['when the half begins', [1_500]],
  ['when it begins and later', [1_502, 2_000]],
  ['in the midst', [2_300]],
  ['at the end', [LONG_MS]],
] as const)('a program that is late %s finds the rate of the link', ([, lateUntilMs]) => {
  const samples = samplesOf(...lateUntilMs);
  expect(rateOf(samples)! / 1e6).toBeCloseTo(MBPS, 0);
  expect(rateBetween(samples, 1_500, LONG_MS)! / 1e6).toBeCloseTo(MBPS, 0);
});

test('nothing can be told of nothing, or of too little time', () => {
  expect(rateOf([])).toBeUndefined();
  expect(rateOf([{ atMs: 0, bytes: 0 }])).toBeUndefined();
  expect(rateOf(samplesOf().slice(0, 10))).toBeUndefined();
  expect(rateBetween(samplesOf(), 5_000, 6_000)).toBeUndefined();
});
