import { expect, it } from 'vitest';
import { CopyBudget } from '../../../../shared/protocol/datagram/steering/copy-budget.ts';
import { FLOW_TUNING } from '../../../../shared/protocol/datagram/steering/flow-tuning.ts';
import { TestClock } from '../../test-clock.ts';

/** What share of its bytes each flow may copy, beside one of 3 Mbit/s, in a minute. */
function shares(flows: readonly { bytes: number; gapMs: number }[], bulkBytes: number): number[] {
  const clock = new TestClock();
  const budget = new CopyBudget(clock, FLOW_TUNING.flowCopies);
  const sent = flows.map(() => 0);
  const copied = flows.map(() => 0);
  for (; clock.ms < 60_000; clock.ms++) {
    if (bulkBytes > 0) budget.onSent(bulkBytes);
    for (const [i, { bytes, gapMs }] of flows.entries()) {
      if (clock.ms % gapMs !== 0) continue;
      budget.onSent(bytes);
      sent[i]! += bytes;
      if (budget.take(bytes, (bytes * 1000) / gapMs)) copied[i]! += bytes;
    }
  }
  return copied.map((bytes, i) => bytes / sent[i]!);
}

const VOICE = { bytes: 228, gapMs: 20 };
const GAME = { bytes: 300, gapMs: 10 };

it('lets a small session copy all', () => {
  expect(shares([VOICE, GAME], 0)).toEqual([1, 1]);
});

it('keeps copies to a small share in a larger one, and the smallest flow comes first', () => {
  const [voice, game] = shares([VOICE, GAME], 375) as [number, number];
  process.stdout.write(
    `copied ${(voice * 100).toFixed(0)} % of the call, ${(game * 100).toFixed(0)} % of the game\n`,
  );
  expect(voice).toBeGreaterThan(0.95);
  const bytes = voice * 11_400 + game * 30_000;
  expect(bytes / (375_000 + 41_400)).toBeLessThan(0.045);
});
