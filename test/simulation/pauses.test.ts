import { describe, expect, it } from 'vitest';
import { type Outcome, type PausingUplink, pausingUplink, runPair, runPlainTcp } from './pausing.ts';

/** Mbit/s and round trip time in ms. */
const LINKS = [
  { mbit: 20, roundTripMs: 40 },
  { mbit: 50, roundTripMs: 20 },
] as const;
/** Pauses of a radio, in ms. */
const PAUSES = [
  { pauseMs: 50, periodMs: 300 },
  { pauseMs: 100, periodMs: 500 },
  { pauseMs: 200, periodMs: 800 },
  { pauseMs: 400, periodMs: 2_000 },
  { pauseMs: 800, periodMs: 5_000 },
] as const;
/** Timers, and how often the kernel's figures are read. */
const SLACK_MS = 25;

const CASES = PAUSES.flatMap((pauses) =>
  LINKS.flatMap((link) =>
    (['rate', 'loss'] as const).flatMap((bound) =>
      (['wait', 'vanish'] as const).map((packets) => ({ ...pauses, ...link, bound, packets })),
    ),
  ),
);

function pausing(
  name: string,
  one: (typeof CASES)[number],
  roundTripMs: number = one.roundTripMs,
): PausingUplink {
  const { mbit, bound, pauseMs, periodMs, packets } = one;
  const pauses = { pauseMs, periodMs, fromMs: 1_000, packets };
  return { shape: pausingUplink(name, { mbit, roundTripMs, bound }), pauses };
}

/**
 * The pause and two round trips. Where packets vanish the kernel waits for its own time-out, whatever is above it: twice where
 * what it sends again is lost in the next pause.
 */
function longestStandstillMs(
  { pauseMs, packets }: (typeof CASES)[number],
  roundTripMs: number,
  { kernelWaitMs }: Outcome,
): number {
  return pauseMs + (packets === 'vanish' ? 2 * kernelWaitMs : 0) + 2 * roundTripMs + SLACK_MS;
}

describe('a single uplink that pauses again and again', () => {
  it.each(CASES)(
    'carries what plain TCP does: $pauseMs of $periodMs ms, $mbit Mbit/s, $roundTripMs ms, bound by $bound, packets $packets',
    (one) => {
      const uplink = pausing('radio', one);
      const plain = runPlainTcp(uplink);
      const outcome = runPair([uplink]);
      expect(outcome.bytes / plain.bytes).toBeGreaterThanOrEqual(0.95);
      expect(outcome.standstillMs).toBeLessThanOrEqual(longestStandstillMs(one, one.roundTripMs, outcome));
    },
  );
});

describe('two uplinks that pause together', () => {
  it.each(CASES.filter(({ packets, mbit }) => packets === 'wait' || mbit === 20))(
    'carry what plain TCP does over both: $pauseMs of $periodMs ms, $mbit Mbit/s, bound by $bound, packets $packets',
    (one) => {
      const uplinks = [pausing('one', one), pausing('other', one, one.roundTripMs * 1.25)];
      const plainBytes = uplinks.reduce((sum, uplink) => sum + runPlainTcp(uplink).bytes, 0);
      const outcome = runPair(uplinks);
      expect(outcome.bytes / plainBytes).toBeGreaterThanOrEqual(0.95);
      const roundTripMs = one.roundTripMs * 1.25;
      expect(outcome.standstillMs).toBeLessThanOrEqual(longestStandstillMs(one, roundTripMs, outcome));
    },
  );
});
