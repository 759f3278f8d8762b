import { expect, it } from 'vitest';
import { FasterSpans } from '../../../../shared/protocol/datagram/path/faster-spans.ts';

const TUNING = { spans: 8, runs: 3 };

it('says what that many runs have shown', () => {
  const spans = new FasterSpans(TUNING);
  for (const rate of [500, 0, 300]) spans.add(rate);
  expect(spans.bytesPerSecond).toBe(0);
  for (const rate of [0, 400]) spans.add(rate);
  expect(spans.bytesPerSecond).toBe(300);
});

it('counts those in a row once: feedback that waited comes all at once', () => {
  const spans = new FasterSpans(TUNING);
  for (const rate of [0, 500, 500, 400, 900, 500, 0]) spans.add(rate);
  expect(spans.bytesPerSecond).toBe(0);
});

it('forgets', () => {
  const spans = new FasterSpans(TUNING);
  for (const rate of [500, 0, 500, 0, 500, 0]) spans.add(rate);
  expect(spans.bytesPerSecond).toBe(500);
  for (let i = 0; i < 3; i++) spans.add(0);
  expect(spans.bytesPerSecond).toBe(0);
});
